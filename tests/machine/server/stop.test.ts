/** A server ends in bounded time, however it resists, and stopping it again is no mistake. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { type Ended, makeSmall, run } from "../small.ts";

/** A service that has no ear for signals, and makes others like it. */
const deaf = `trap "" HUP INT TERM; while :; do sleep 0.2; done`;
const rc = (stopping: string) => `#!/bin/sh
case $1 in
  [2345]) for one in 1 2 3; do setsid sh -c '${deaf}' & done;;
  *) ${stopping};;
esac
`;

/** Milliseconds a command took, and how it ended. */
async function timed(...words: string[]): Promise<Ended & { readonly took: number }> {
  const begun = Date.now();
  const child = Bun.spawn(["vserver", ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { status: await child.exited, out, err, took: Date.now() - begun };
}

/** A process 1 with a child that the server's own root has frozen. */
const init = `#!/bin/sh
if [ $$ != 1 ]; then (sleep 0.2; kill -TERM 1) & exit 0; fi
trap "exit 0" TERM
sh -c 'mkdir /sys/fs/cgroup/ice; echo $$ >/sys/fs/cgroup/ice/cgroup.procs; echo 1 >/sys/fs/cgroup/ice/cgroup.freeze' &
while :; do sleep 1000 & wait $!; done
`;

/** Milliseconds since 1970. */
function startOf(name: string): number {
  const state = JSON.parse(readFileSync(`/run/vserver/${name}/state.json`, "utf8")) as { started: number };
  return state.started;
}

let hanging: ReturnType<typeof timed>;

beforeAll(() => {
  makeSmall("hangs", { rc: rc("while :; do sleep 1; done") });
  makeSmall("deaf", { rc: rc("exit 0") });
  makeSmall("frozen", { conf: 'IPROOT=0.0.0.0\nS_FLAGS="fakeinit"\n' });
  writeFileSync("/vservers/frozen/sbin/init", init);
  chmodSync("/vservers/frozen/sbin/init", 0o755);
  expect(run("vserver", "--silent", "hangs", "start").status).toBe(0);
  // It takes a minute, in which the others are stopped.
  hanging = timed("hangs", "stop");
});

afterAll(async () => {
  await hanging;
  for (const name of ["hangs", "deaf", "frozen"]) run("vserver", "--silent", name, "stop");
});

test("services that ignore SIGTERM: they are killed", async () => {
  expect(run("vserver", "--silent", "deaf", "start").status).toBe(0);
  const { status, out, took } = await timed("deaf", "stop");
  expect({ status, out }).toEqual({ status: 0, out: expect.stringContaining("Killing all processes") });
  expect(took).toBeLessThan(100_000);
  expect(existsSync("/run/vserver/deaf")).toBe(false);
  expect(existsSync("/sys/fs/cgroup/vserver-deaf")).toBe(false);
});

test("stopped again, and stopped when it never ran: nothing is done", async () => {
  for (const name of ["deaf", "frozen"]) {
    const { status, out, err } = await timed(name, "stop");
    const words = `Stopping the virtual server ${name}\nServer ${name} is not running\n`;
    expect({ status, out, err }).toEqual({ status: 0, out: words, err: "" });
  }
});

test("restart of a server that resists gives one that runs", async () => {
  expect(run("vserver", "--silent", "deaf", "start").status).toBe(0);
  const before = startOf("deaf");
  expect(await timed("--silent", "deaf", "restart")).toMatchObject({ status: 0, err: "" });
  expect(run("vserver", "--silent", "deaf", "running").status).toBe(0);
  expect(startOf("deaf")).toBeGreaterThan(before);
});

test("processes that the server's root has frozen", async () => {
  expect(run("vserver", "--silent", "frozen", "start").status).toBe(0);
  const ice = "/sys/fs/cgroup/vserver-frozen/init/ice/cgroup.events";
  while (!existsSync(ice) || !readFileSync(ice, "utf8").includes("frozen 1")) await Bun.sleep(50);
  const { status, took } = await timed("--silent", "frozen", "stop");
  expect(status).toBe(0);
  expect(took).toBeLessThan(100_000);
  expect(existsSync("/sys/fs/cgroup/vserver-frozen")).toBe(false);
});

test("a shutdown that never ends: it gets a minute", async () => {
  const { status, out, took } = await hanging;
  expect({ status, out }).toEqual({ status: 0, out: expect.stringContaining("Killing all processes") });
  expect(took).toBeGreaterThan(55_000);
  expect(took).toBeLessThan(100_000);
  expect(existsSync("/run/vserver/hangs")).toBe(false);
});
