/** Commands at the same time: two servers never get the same thing, and one server is never started twice. */
import { beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Ended, makeSmall, run } from "../small.ts";

async function vserver(...words: string[]): Promise<Ended> {
  const child = Bun.spawn(["vserver", "--silent", ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { status: await child.exited, out, err };
}

const all = (commands: readonly (readonly string[])[]) => Promise.all(commands.map((words) => vserver(...words)));
const done: Ended = { status: 0, out: "", err: "" };

/** Each call of its init script, since the last question. */
function rcCalls(name: string): string[] {
  const file = `/vservers/${name}/var/log/rc`;
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  rmSync(file, { force: true });
  return lines.map((line) => line.trim());
}

function expectNothing(name: string): void {
  for (const left of ["", ".phase/"]) expect(existsSync(`/run/vserver/${left}${name}`)).toBe(false);
  expect(existsSync(`/sys/fs/cgroup/vserver-${name}`)).toBe(false);
  expect(readFileSync("/proc/mounts", "utf8")).not.toContain(name);
}

beforeAll(() => {
  expect(run("vkernel", "load").status).toBe(0);
});

test("servers without a number of their own get one each", async () => {
  const names = ["par-a", "par-b", "par-c", "par-d"];
  for (const name of names) makeSmall(name);
  expect(await all(names.map((name) => [name, "start"]))).toEqual(names.map(() => done));
  const contexts = names.map((name) => {
    const { context } = JSON.parse(run("vserver", "--json", name, "status").out) as { context: number };
    return context;
  });
  expect(new Set(contexts).size).toBe(names.length);
  expect(await all(names.map((name) => [name, "stop"]))).toEqual(names.map(() => done));
  for (const name of names) expectNothing(name);
});

test("of servers with the same address one is started, and the others say who has it", async () => {
  const names = ["same-a", "same-b", "same-c"];
  for (const name of names) makeSmall(name, { conf: "IPROOT=eth0:10.0.0.77/24\n" });
  const started = await all(names.map((name) => [name, "start"]));
  const refused = started.filter(({ status }) => status !== 0);
  expect(refused).toHaveLength(2);
  for (const { err } of refused) expect(err).toMatch(/cannot use 10\.0\.0\.77: the server same-[abc] has it/);
  expect(run("ip", "-o", "address").out.split("10.0.0.77/").length - 1).toBe(1);
  await all(names.map((name) => [name, "stop"]));
  expect(run("ip", "-o", "address").out).not.toContain("10.0.0.77");
  for (const name of names) expectNothing(name);
});

test("one server, started five times at once, is started once", async () => {
  makeSmall("once");
  expect(await all(Array(5).fill(["once", "start"]))).toEqual(Array(5).fill(done));
  expect(rcCalls("once")).toEqual(["rc 2"]);
  expect(await all(Array(3).fill(["once", "stop"]))).toEqual(Array(3).fill(done));
  expect(rcCalls("once")).toEqual(["rc 0"]);
  expectNothing("once");
});

test("starts and stops in any order leave a server that is whole or none", async () => {
  const turn = ["start", "stop", "start", "exec true", "stop", "start"];
  const ended = await all(turn.map((words) => ["once", ...words.split(" ")]));
  expect(ended.filter(({ status }) => status !== 0)).toEqual([]);
  if (run("vserver", "once", "running").status === 0) {
    expect(run("vexec", "once", "sh", "-c", "kill -0 $(cat /run/sleeper.pid)").status).toBe(0);
  }
  expect(await vserver("once", "stop")).toEqual(done);
  expectNothing("once");
});

test("commands in a stopped server share what is set up for them, and the last takes it away", async () => {
  const waiting = (name: string) =>
    vserver("once", "exec", "sh", "-c", `touch /root/in-${name}; until test -e /root/go-${name}; do sleep 0.1; done`);
  const file = (path: string) => `/vservers/once/root/${path}`;
  const inside = async (name: string) => {
    while (!existsSync(file(`in-${name}`))) await Bun.sleep(50);
  };
  const first = waiting("first");
  await inside("first");
  const second = waiting("second");
  await inside("second");
  writeFileSync(file("go-first"), "");
  expect(await first).toEqual(done);
  expect(existsSync("/run/vserver/once")).toBe(true);
  writeFileSync(file("go-second"), "");
  expect(await second).toEqual(done);
  expectNothing("once");
});
