/** Whatever root of one server does, nginx in another one answers, the main server stays usable, and the limits hold. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { parts, type } from "../shell.ts";
import { attackCommand, attacks, calm, calmAddress, endAttack, removeBoth, rogue, startBoth } from "./attacks.ts";

beforeAll(startBoth, 240_000);
afterAll(removeBoth, 240_000);

interface Row {
  readonly key: string;
  readonly amount: number | null;
  readonly used: number | null;
  readonly hits: number | null;
}
/** Asked of the main server's tool, which has to work meanwhile. */
async function limits(): Promise<Readonly<Record<string, Row>>> {
  const { output } = await type(`vlimit --json ${rogue}`);
  return Object.fromEntries((JSON.parse(output) as Row[]).map((row) => [row.key, row]));
}

/** Requests in a row, each on a connection of its own, none of which may take half a minute: the status of each. */
const requests = 10;
const answers = async (): Promise<string> =>
  (
    await type(
      `curl -s -m 30 -H 'Connection: close' -o /dev/null -w '%{http_code}\\n' 'http://${calmAddress}/?[1-${requests}]' | sort | uniq -c`,
    )
  ).output.trim();

/** Numbers of the processes of the quiet server, and how many the kernel has killed in it. */
const survivors = async (): Promise<string> =>
  (
    await type(`
      find /sys/fs/cgroup/vserver-${calm}/init -name cgroup.procs -exec cat {} + | sort -n
      grep oom_kill /sys/fs/cgroup/vserver-${calm}/memory.events`)
  ).output;

/** What the kernel has said of processes it killed for want of memory, outside the attacking server. */
const killedElsewhere = async (): Promise<readonly string[]> =>
  (await type(`dmesg | grep -E 'oom-kill:|Out of memory' | grep -v 'task_memcg=/vserver-${rogue}/'`)).output.split(
    "\n",
  );

/** Takes 40 terminals, or as many as it gets, says how many and keeps them. */
const hog = `
import os, time
made = []
try:
    while len(made) < 40: made.append(os.open("/dev/ptmx", os.O_RDWR))
except OSError: pass
print(len(made), flush=True)
time.sleep(60)`;

/** Bytes and names the tree of the attacker has taken, as df says inside. */
const nearly = (used: number | null, amount: number | null): boolean => (used ?? 0) > 0.9 * (amount ?? Number.NaN);

/** Attacks that go on at the same time: one after the other they would take minutes more. On a full disk nothing is made. */
const together = [
  ["fork bomb", "spinning threads"],
  ["disk filler", "I/O storm"],
  ["inode filler"],
  ["file hog", "terminal hog", "pipes, semaphores, queues, dentries"],
  ["memory hog", "full socket buffers"],
];

test("every attack is among them", () => {
  expect(together.flat().sort()).toEqual(attacks.map(({ name }) => name).sort());
});

for (const names of together) {
  const chosen = attacks.filter(({ name }) => names.includes(name));
  test(`${names.join(", ")}: the other server answers, the main server works, the limits hold`, async () => {
    const before = await limits();
    const [alive, killed] = [await survivors(), await killedElsewhere()];
    expect(alive).toMatch(/^\d+\n\d+\n/);
    const awaited = new Set(
      chosen
        .flatMap((attack) => attack.limits)
        .filter((key) => before[key]?.used !== null || before[key]?.hits !== null),
    );
    const children = chosen.map((attack) =>
      Bun.spawn([...attackCommand(attack)], { stdin: "ignore", stdout: "ignore", stderr: "ignore" }),
    );
    try {
      for (const end = Date.now() + 90_000; awaited.size > 0 && Date.now() < end; await Bun.sleep(500)) {
        const now = await limits();
        for (const key of awaited) {
          const { hits = null, used = null, amount = null } = now[key] ?? {};
          const met = hits === null ? nearly(used, amount) : hits > (before[key]?.hits ?? 0);
          if (met) awaited.delete(key);
        }
      }
      expect([...awaited]).toEqual([]);
      expect(await answers()).toBe(`${requests} 200`);
      expect((await type("timeout 60 sh -c '/bin/true && ls /vservers >/dev/null && echo usable'")).output).toBe(
        "usable\n",
      );
      const { MEMORY, NPROC, FILES, DISK, INODES } = await limits();
      for (const row of [MEMORY, NPROC, FILES, DISK, INODES]) expect(row?.used).toBeLessThanOrEqual(row?.amount ?? 0);
    } finally {
      await endAttack();
      for (const child of children) await child.exited;
    }
    expect(await survivors()).toBe(alive);
    expect((await killedElsewhere()).filter((line) => !killed.includes(line))).toEqual([]);
  });
}

test("12 MB at 4 MB a second take three seconds, however fast the disk is", async () => {
  const begun = Date.now();
  const { output } = await type(
    `vserver ${rogue} exec dd if=/dev/zero of=/tmp/slow bs=1M count=12 oflag=direct 2>&1; rm /vservers/${rogue}/tmp/slow`,
  );
  expect(output).toContain("12+0 records out");
  expect(Date.now() - begun).toBeGreaterThan(2000);
});

test("the main server gets terminals while the attacker has all of its own", async () => {
  const child = Bun.spawn([...attackCommand({ name: "", limits: [], command: ["python3", "-c", hog] })], {
    stdin: "ignore",
    stdout: "pipe",
  });
  const reader = child.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("8\n");
  expect((await type(`python3 -u -c '${hog.replace("time.sleep(60)", "")}'`)).output).toBe("40\n");
  await endAttack();
  await child.exited;
});

test("after the stop nothing is left of it: files, semaphores, terminals, processes, memory", async () => {
  const { output } = await type(`
    before=$(cat /proc/sys/kernel/pty/nr); vserver ${rogue} exec sh -c 'ipcmk -S 50 >/dev/null; ipcmk -Q >/dev/null'
    vserver --silent ${rogue} stop; echo == group; ls -d /sys/fs/cgroup/vserver-${rogue} 2>/dev/null
    echo == contexts; cut -d' ' -f1 /run/vserver/bpf/active/contexts | grep -x 736
    echo == terminals; echo $(($(cat /proc/sys/kernel/pty/nr) - before)); echo == limits; vlimit ${rogue} 2>&1`);
  const seen = parts(output);
  expect(seen["group"]).toBe("");
  expect(seen["contexts"]).toBe("");
  expect(seen["limits"]).toContain("it is not running");
  expect(seen["terminals"]).toBe("0");
  // With it the last that keeps its IPC namespace.
  expect(existsSync(`/run/vserver/${rogue}`)).toBe(false);
  expect(await answers()).toBe(`${requests} 200`);
});
