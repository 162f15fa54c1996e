/** Root of a server without a security context can neither trace what enters it nor load a kernel for the machine. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { capabilityBit } from "../../src/linux/capability.ts";
import { parseCapabilities } from "../../src/linux/status.ts";
import { makeNest, makeServer, type Nest, vserver } from "./nest.ts";

const name = `trace-${process.pid}`;
const vexec = join(dirname(vserver), "vexec");
const bit = (name: string) => 1n << BigInt(capabilityBit(name) ?? 63);
const ptrace = bit("CAP_SYS_PTRACE");
const boot = bit("CAP_SYS_BOOT");
let nest: Nest;

const quietly = (action: string) =>
  expect(nest.run(vserver, "--silent", name, action)).toEqual({ status: 0, out: "", err: "" });

beforeAll(async () => {
  nest = await makeNest();
  makeServer(nest, name);
  quietly("start");
}, 20_000);

afterAll(() => {
  nest.run(vserver, "--silent", name, "stop");
  nest.end();
}, 20_000);

const inside = [
  [vserver, "--silent", name, "exec"],
  [vserver, "--silent", name, "suexec", "root"],
  [vexec, name],
];

/** Which processes have it: the server's process 1, and what each way in makes. */
function have(capability: bigint): readonly boolean[] {
  const statuses = [
    nest.run(vexec, name, "cat", "/proc/1/status"),
    ...inside.map((way) => nest.run(...way, "cat", "/proc/self/status")),
  ];
  return statuses.map(({ out }) => {
    const { effective, permitted, bounding } = parseCapabilities(out);
    expect(effective).not.toBe(0n);
    return ((effective | permitted | bounding) & capability) !== 0n;
  });
}

/** What the server's root reads of a process of the main server that is in its PID namespace, as one that enters is. */
async function reached(): Promise<string> {
  const words = nest.words("nsenter", `--pid=/run/vserver/${name}/pid`, "sleep", "98765");
  const entering = Bun.spawn(words, { stdio: ["ignore", "ignore", "ignore"] });
  const find = `for tries in 1 2 3 4 5 6 7 8 9 10; do
    for at in /proc/[0-9]*; do
      if tr '\\0' ' ' <$at/cmdline | grep -qx 'sleep 98765 '; then echo found; readlink $at/exe; exit; fi
    done
    sleep 0.2
  done`;
  try {
    return nest.run(vexec, name, "sh", "-c", find).out;
  } finally {
    nest.run(vexec, name, "pkill", "-KILL", "-fx", "sleep 98765");
    entering.kill("SIGKILL");
    await entering.exited;
  }
}

test("neither its process 1 nor what enters may trace, and what has more capabilities is out of reach", async () => {
  expect(have(ptrace)).toEqual([false, false, false, false]);
  expect(await reached()).toBe("found\n");
}, 30_000);

test("nobody in it has the capability to load a kernel, though it has a process 1 of its own", () => {
  expect(have(boot)).toEqual([false, false, false, false]);
}, 30_000);

test("a command that a stopped server is set up for may do neither", () => {
  quietly("stop");
  const { out } = nest.run(vserver, "--silent", name, "exec", "cat", "/proc/self/status");
  expect(parseCapabilities(out).bounding & (ptrace | boot)).toBe(0n);
}, 30_000);

test("S_CAPS gives it by name, from the next start on, and with it what enters is in reach", async () => {
  quietly("start");
  appendFileSync(join(nest.directory, "conf", `${name}.conf`), "S_CAPS=CAP_SYS_PTRACE\n");
  expect(have(ptrace)).toEqual([false, false, false, false]);
  quietly("stop");
  quietly("start");
  expect(have(ptrace)).toEqual([true, true, true, true]);
  expect(await reached()).toMatch(/^found\n\/usr\/bin\/\S+\n$/);
}, 30_000);
