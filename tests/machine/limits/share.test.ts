/** The flag sched: all processes of a server weigh as one of the main server, whatever their number. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

beforeAll(async () => {
  await makeServer("many", 'S_CONTEXT=723\nS_FLAGS="lock nproc sched"\nCPUSET=0');
  await makeServer("few", 'S_CONTEXT=724\nS_FLAGS="lock nproc sched"\nCPUSET=0');
  for (const name of ["many", "few"]) expect(await type(`vserver --silent ${name} start`)).toMatchObject({ status: 0 });
}, 240_000);
afterAll(async () => {
  for (const name of ["many", "few"]) await removeServer(name);
});

/** Microseconds of processor time of a server. */
const serverTime = (name: string) =>
  Number(/^usage_usec (\d+)$/m.exec(readFileSync(`/sys/fs/cgroup/vserver-${name}/cpu.stat`, "utf8"))?.[1]);
const spin = "python3 -c 'while True: pass'";

/** Processor time each of them had while all were busy: the servers by name, and one process of the main server. */
async function shares(busy: Readonly<Record<string, number>>): Promise<Readonly<Record<string, number>>> {
  // A session of its own, or the scheduler's automatic group has it share its weight with whatever these tests do.
  const own = Bun.spawn(["setsid", "taskset", "-c", "0", "python3", "-c", "while True: pass"], { stdin: "ignore" });
  const servers = Object.entries(busy).map(([name, count]) =>
    Bun.spawn(["vserver", name, "exec", "sh", "-c", `for i in $(seq ${count}); do ${spin} & done; wait`]),
  );
  const ownTime = () => {
    const fields = readFileSync(`/proc/${own.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  };
  try {
    const population = (name: string) => Number(readFileSync(`/sys/fs/cgroup/vserver-${name}/pids.current`, "utf8"));
    while (Object.entries(busy).some(([name, count]) => population(name) < count)) await Bun.sleep(200);
    // Their interpreters start as slowly as they are weighed: only what comes after that counts.
    await Bun.sleep(5000);
    const before = Object.fromEntries([
      ["main", ownTime()],
      ...Object.keys(busy).map((name) => [name, serverTime(name)]),
    ]);
    // Three seconds of processor time for the process, however long that takes.
    while (ownTime() - before["main"] < 3_000_000) await Bun.sleep(200);
    return Object.fromEntries([
      ["main", ownTime() - before["main"]],
      ...Object.keys(busy).map((name) => [name, serverTime(name) - before[name]]),
    ]);
  } finally {
    own.kill("SIGKILL");
    for (const name of Object.keys(busy)) await type(`echo 1 >/sys/fs/cgroup/vserver-${name}/init/cgroup.kill`);
    for (const one of servers) await one.exited;
    for (const name of Object.keys(busy)) await type(`vserver --silent ${name} start`);
  }
}

test("50 busy processes in a server and one in the main server have equal shares", async () => {
  const { main = 0, many = 0 } = await shares({ many: 50 });
  expect(many / main).toBeGreaterThan(0.75);
  expect(many / main).toBeLessThan(1.33);
}, 300_000);

test("each of two servers weighs as one: three equal shares", async () => {
  const { main = 0, many = 0, few = 0 } = await shares({ many: 30, few: 3 });
  for (const ratio of [many / main, few / main, many / few]) {
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(1.43);
  }
}, 300_000);
