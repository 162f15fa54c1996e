/** Kills `vserver` with SIGKILL at a chosen system call, by strace: the same number is always the same moment. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readText } from "../../src/linux/proc.ts";
import { type Nest, vserver } from "./nest.ts";

/** A system call that changes something: the `number`th of its kind in one run. */
export interface Moment {
  readonly call: string;
  readonly number: number;
}

/** The system calls by which `vserver` itself changes anything, its children aside. */
const changing = [
  ...["bpf", "link", "linkat", "mkdir", "mkdirat", "mknodat", "mount", "rename", "renameat", "rmdir", "symlink"],
  ...["symlinkat", "umount2", "unlink", "unlinkat", "vfork"],
].join(",");

/** Of the calls for programs and maps those that others can see the effect of, once for each kind. */
const isPrivate = (line: string): boolean =>
  line.startsWith("bpf(") && !/BPF_OBJ_PIN|BPF_MAP_DELETE|attach_type=BPF_CGROUP_INET_EGRESS, attach_flags/.test(line);

async function withLog<Result>(work: (log: string) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "vserver-trace-"));
  try {
    return await work(join(directory, "log"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs `vserver` undisturbed and returns the moments at which it changed something, in their order. */
export function momentsOf(nest: Nest, ...words: readonly string[]): Promise<readonly Moment[]> {
  return withLog(async (log) => {
    const strace = ["strace", "-qq", "-o", log, "-e", `trace=${changing}`];
    const { status, err } = nest.run(...strace, vserver, "--silent", ...words);
    if (status !== 0) throw new Error(`vserver ${words.join(" ")}: status ${status}: ${err}`);
    const counts = new Map<string, number>();
    return readFileSync(log, "utf8")
      .split("\n")
      .flatMap((line) => {
        const call = /^([a-z0-9]+)\(/.exec(line)?.[1];
        if (call === undefined) return [];
        const number = (counts.get(call) ?? 0) + 1;
        counts.set(call, number);
        return / = -1 /.test(line) || isPrivate(line) ? [] : [{ call, number }];
      });
  });
}

/** Runs `vserver` and kills it as it enters the call, which is not made. @throws Error when it is never made. */
export function killAt(nest: Nest, { call, number }: Moment, ...words: readonly string[]): void {
  const strace = ["strace", "-qq", "-o", "/dev/null", "-e", `trace=${call}`];
  const inject = ["-e", `inject=${call}:signal=SIGKILL:when=${number}`];
  const child = Bun.spawnSync(nest.words(...strace, ...inject, vserver, "--silent", ...words), { stdin: "ignore" });
  // strace ends by the signal that its child was killed by.
  if (child.signalCode === "SIGKILL") return;
  const said = `${child.stdout}${child.stderr}`;
  throw new Error(`vserver ${words.join(" ")} at ${call} ${number}: status ${child.exitCode}: ${said}`);
}

/** Empty when the process has ended. */
function readProc(path: string): string {
  try {
    return readText(`/proc/${path}`);
  } catch {
    return "";
  }
}

/** The process that strace follows; undefined before and after it. */
function followed(tracer: number): number | undefined {
  const children = readProc(`${tracer}/task/${tracer}/children`).split(" ").filter(Boolean);
  // strace begins with children of its own, to find out what the kernel can.
  return children.map(Number).find((pid) => readProc(`${pid}/comm`) === "vserver\n");
}

/**
 * Runs `vserver`, stops the process that performs its plan at such a call, and kills `vserver`.
 *
 * @returns whether everything that it had started ended with it
 * @throws Error when the call is never made
 */
export function killDuring(
  nest: Nest,
  { call, number }: Moment,
  ...words: readonly string[]
): Promise<"ended" | "left"> {
  return withLog(async (log) => {
    const strace = ["strace", "-f", "-qq", "-o", log, "-e", `trace=${call}`];
    const inject = ["-e", `inject=${call}:signal=SIGSTOP:when=${number}`];
    const tracer = Bun.spawn(nest.words(...strace, ...inject, vserver, "--silent", ...words), {
      stdio: ["ignore", "ignore", "ignore"],
    });
    try {
      let traced: number | undefined;
      while (!existsSync(log) || !readFileSync(log, "utf8").includes("stopped by SIGSTOP")) {
        await Bun.sleep(5);
        const child = followed(tracer.pid);
        if (traced !== undefined && child !== traced) throw new Error(`${call} ${number} is never made`);
        traced = child;
      }
      if (traced !== undefined) process.kill(traced, "SIGKILL");
      const late = Bun.sleep(10_000).then(() => "left" as const);
      return await Promise.race([tracer.exited.then(() => "ended" as const), late]);
    } finally {
      tracer.kill();
      await tracer.exited;
    }
  });
}
