/** The tools are replaced while a server runs: its limits stay in force and its counts exact, for they are the kernel's. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { abiVersion } from "../../../src/context/abi.ts";
import { parts, type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

const files = 200;
const held = 60;

beforeAll(async () => {
  await makeServer("aged", `S_CONTEXT=746\nMEMORY=64M\nSWAP=0\nNPROC=24\nFILES=${files}\nIO_WRITE=9M\nCPU_WEIGHT=77`);
  expect(await type("vserver --silent aged start")).toMatchObject({ status: 0 });
}, 240_000);
afterAll(async () => {
  await removeServer("aged");
  await type("vkernel load; rm -rf /tmp/newer");
});

interface Row {
  readonly key: string;
  readonly limit: string | null;
  readonly used: number | null;
}
async function rows(): Promise<readonly Row[]> {
  const { output } = await type("vlimit --json aged");
  return JSON.parse(output) as Row[];
}
const used = async (key: string) => (await rows()).find((row) => row.key === key)?.used;
const allowed = async () => (await rows()).map(({ key, limit }) => `${key}=${limit}`);

/** What was freed may be given back a moment later (RCU, delayed fput). */
async function settles(key: string, expected: number): Promise<number | null | undefined> {
  for (let tries = 0; tries < 50 && (await used(key)) !== expected; tries++) await Bun.sleep(100);
  return used(key);
}

const python = (program: string) => ["vserver", "aged", "exec", "python3", "-c", program];

/** Opens so many sockets, or as many as it gets, says how many, and keeps them until its input ends. */
const hold = (most: number) =>
  `import os, socket
held = []
try:
  while len(held) < ${most}: held.append(socket.socket())
except OSError as refused: print(refused.strerror, end=" ")
print(len(held), flush=True)
os.read(0, 1)`;

/** Has one process after another sleep a while, and says why there are no more. Opens nothing. */
const forks = `import os, time
for at in range(40):
  try: child = os.fork()
  except OSError as refused: print(refused.strerror); break
  if child == 0: time.sleep(2); os._exit(0)
time.sleep(3)`;

/** Runs with sockets held until it is ended. */
async function holder(most: number): Promise<{ readonly said: string; end(): Promise<void> }> {
  const child = Bun.spawn(python(hold(most)), { stdin: "pipe", stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  return {
    said: new TextDecoder().decode(value).trim(),
    async end() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

/** What an installation does, a file for a file, as when a program is running. */
const replaceTools = `for file in /usr/lib/vserver/* /usr/sbin/rebootmgr; do
    cp -p $file $file.new && mv $file.new $file
  done; vkernel load; echo $?`;

describe("tools of the same version of the kernel half", () => {
  test("leave every limit and every count as it was, and what was begun before ends exactly", async () => {
    const [limits, idle] = [await allowed(), (await used("FILES")) ?? Number.NaN];
    const before = await holder(held);
    expect(before.said).toBe(String(held));
    const full = (await used("FILES")) ?? Number.NaN;
    expect(full).toBeGreaterThanOrEqual(idle + held);
    expect((await type(replaceTools)).output).toBe("0\n");
    expect(await allowed()).toEqual(limits);
    expect(await used("FILES")).toBe(full);
    const after = await holder(1000);
    const [, more = ""] = /^Too many open files in system (\d+)$/.exec(after.said) ?? [];
    expect(Number(more)).toBeLessThanOrEqual(files - full);
    expect(Number(more)).toBeGreaterThan(files - full - 40);
    await after.end();
    await before.end();
    expect(await settles("FILES", idle)).toBe(idle);
  });

  test("find the other limits enforced, and change them", async () => {
    const { output } = await type(`
      echo == processes; vserver aged exec python3 -c '${forks}'
      echo == memory; vserver aged exec python3 -c 'x = b"x" * (100 << 20)'; echo $?
      echo == change; vlimit aged --nproc 30 --files 150; echo $?; cat /sys/fs/cgroup/vserver-aged/pids.max
      echo == weight; cat /sys/fs/cgroup/vserver-aged/cpu.weight`);
    const seen = parts(output);
    expect(seen["processes"]).toBe("Resource temporarily unavailable");
    expect(seen["memory"]).toEndWith("137");
    expect(seen["change"]).toBe("0\n30");
    expect(seen["weight"]).toBe("77");
    const after = await holder(1000);
    expect(after.said).toMatch(/^Too many open files in system \d+$/);
    expect(Number(after.said.split(" ").at(-1))).toBeLessThan(150);
    await after.end();
  });
});

describe("tools of another version of the kernel half", () => {
  const newer = "bun /tmp/newer/src/main.ts";
  beforeAll(async () => {
    await type(`mkdir -p /tmp/newer/build && cp -r /src/src /src/package.json /src/tsconfig.json /tmp/newer/
      cp /src/build/launch /src/build/*.o /tmp/newer/build/
      sed -i 's/^export const abiVersion = .*/export const abiVersion = ${abiVersion + 1};/' /tmp/newer/src/context/abi.ts`);
  });

  test("say so and change nothing: the limits stay in force, the counts exact", async () => {
    const [limits, idle] = [await allowed(), (await used("FILES")) ?? Number.NaN];
    const { output } = await type(`
      echo == status; ${newer} vkernel status | sed -n 's/^version: *//p'
      echo == load; ${newer} vkernel load; echo $?
      echo == unload; ${newer} vkernel unload; echo $?
      echo == show; ${newer} vlimit aged; echo $?
      echo == change; ${newer} vlimit aged --files 10 --nproc 5; echo $?
      echo == begin; ${newer} vserver aged restart; echo $?; vserver aged running`);
    const seen = parts(output);
    const cause = "the kernel half that is loaded is of another version than these tools; stop all servers, ";
    expect(seen["status"]).toStartWith("another one than these tools; stop all servers, ");
    expect(seen["load"]).toStartWith(`vkernel: cannot load the kernel half: ${cause}`);
    expect(seen["load"]).toEndWith("\n69");
    expect(seen["unload"]).toMatch(/^vkernel: cannot unload the kernel half: contexts exist: .*\b746\b.*\n1$/);
    for (const part of ["show", "change"]) expect(seen[part]).toContain(cause);
    expect(await allowed()).toEqual(limits);
    expect(await settles("FILES", idle)).toBe(idle);
    const after = await holder(1000);
    expect(after.said).toMatch(/^Too many open files in system \d+$/);
    await after.end();
    expect(seen["begin"]).toEndWith("Server aged is running");
  });

  test("stop a server of the old one, and nothing of it keeps the kernel half from being replaced", async () => {
    const { output } = await type(`
      ${newer} vserver --silent aged stop >/dev/null 2>&1; echo $?
      echo == left; cut -d' ' -f1 /run/vserver/bpf/active/contexts | grep -x 746; ls -d /sys/fs/cgroup/vserver-aged 2>&1
      echo == again; vserver --silent aged start; vlimit --json aged | tr -d ' \\n' | grep -o '"FILES","limit":"[0-9]*"'`);
    expect(output).toStartWith("0\n");
    const seen = parts(output);
    expect(seen["left"]).toBe("ls: cannot access '/sys/fs/cgroup/vserver-aged': No such file or directory");
    expect(seen["again"]).toBe(`"FILES","limit":"${files}"`);
  });
});
