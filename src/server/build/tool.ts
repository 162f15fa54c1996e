/**
 * Runs a tool of the main server on behalf of a build: by a plan, never by a shell; with all its descendants in a process
 * namespace that dies with us; its last words become one line when it fails.
 */
import { closeSync } from "node:fs";
import { check } from "../../linux/errno.ts";
import { libc, memory } from "../../linux/libc.ts";
import { mountFlags } from "../../linux/mount.ts";
import { O_CLOEXEC } from "../../linux/openat2.ts";
import { type Step, step } from "../../linux/plan/step.ts";
import { runPlan } from "../../linux/spawn.ts";
import { VserverError } from "../../text/error.ts";
import { explainFailure } from "./failure.ts";
import type { Job } from "./job.ts";

export const toolPath = "/usr/sbin:/usr/bin:/sbin:/bin";
const SIGKILL = 9;
const CLONE_NEWNS = 0x00020000;
const CLONE_NEWIPC = 0x08000000;
const CLONE_NEWPID = 0x20000000;
/** Lines of a tool's output that are kept for the message when it fails. */
const keptLines = 200;

/** For a tool whose status says nothing that its output does not say. */
export const anyStatus: readonly number[] = Object.freeze([...Array(256).keys()]);

export interface Tool {
  /** Infinitive after "cannot": `unpack base.tar`. */
  readonly attempt: string;
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  /** Performed in the tool's own mount namespace before it starts. */
  readonly surroundings?: readonly Step[];
  /** Performed last, as the tool's own process: dropping capabilities and the like. */
  readonly restrictions?: readonly Step[];
  readonly environment?: readonly string[];
  /** Descriptors, 0 and 1; otherwise nothing and the lines. */
  readonly stdin?: number;
  readonly stdout?: number;
  /** Statuses that are no failure, besides 0. */
  readonly accepted?: readonly number[];
  /** Sees each line of output; true when the line is understood and need not be kept. */
  readonly onLine?: (line: string) => boolean;
}

/** The program's file. @throws VserverError when the main server does not have it. */
export function findTool(job: Job, name: string, packageName: string): string {
  const found = Bun.which(name, { PATH: toolPath });
  if (found !== null) return found;
  const wayOut = `install it: apt-get install ${packageName}`;
  throw new VserverError({ object: job.object, attempt: "build it", cause: `there is no ${name} here`, wayOut });
}

/** A pipe whose ends no other child inherits. */
export function pipe(): { readonly read: number; readonly write: number } {
  const ends = memory(8);
  check("pipe2", libc().pipe2(ends.bytes, O_CLOEXEC));
  return { read: ends.view.getInt32(0, true), write: ends.view.getInt32(4, true) };
}

/** The plan of a tool's own process. */
export function toolSteps(job: Pick<Job, "object">, tool: Tool): readonly Step[] {
  const failure = { object: job.object, attempt: tool.attempt, wayOut: { EPERM: "be root on the main server" } };
  const { MS_PRIVATE, MS_REC } = mountFlags;
  const [file] = tool.command;
  return [
    step("pdeathsig", { signal: SIGKILL }),
    step("unshare", { flags: CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC }, failure),
    step("mount", { source: "", target: "/", type: "", flags: MS_REC | MS_PRIVATE, data: "" }, failure),
    ...(tool.surroundings ?? []),
    step("umask", { mask: 0o022 }),
    step("environment", { variables: [`PATH=${toolPath}`, "LC_ALL=C", "HOME=/root", ...(tool.environment ?? [])] }),
    step("fork_wait", {}, failure),
    step("pdeathsig", { signal: SIGKILL }),
    ...(tool.restrictions ?? []),
    step("exec", { file, arguments: tool.command, append: false }, failure),
  ];
}

/** Calls back with each line, however the bytes come. */
async function eachLine(descriptor: number, use: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of Bun.file(descriptor).stream()) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/[\n\r]/);
    rest = lines.pop() ?? "";
    for (const line of lines) use(line);
  }
  if (rest !== "") use(rest);
}

/** @throws VserverError when the tool fails, with the words it ended with; or when we were interrupted. */
export async function runTool(job: Job, tool: Tool): Promise<void> {
  job.interrupt.check();
  const words = pipe();
  const kept: string[] = [];
  let pid: number | undefined;
  const started = (child: number) => {
    pid = child;
    job.interrupt.guard(child);
  };
  const running = runPlan(toolSteps(job, tool), {
    stdin: tool.stdin ?? "ignore",
    stdout: tool.stdout ?? words.write,
    stderr: words.write,
    descriptors: [job.staging.lock],
    started,
  });
  // The child has its copy by now: its end is the end of the lines.
  closeSync(words.write);
  const read = eachLine(words.read, (line) => {
    if (line === "" || tool.onLine?.(line)) return;
    if (kept.push(line) > keptLines) kept.splice(keptLines / 4, 1);
  });
  try {
    const [{ status }] = await Promise.all([running, read]);
    job.interrupt.check();
    if (status === 0 || tool.accepted?.includes(status)) return;
    throw explainFailure(job, tool.attempt, tool.command[0], status, kept);
  } finally {
    if (pid !== undefined) job.interrupt.release(pid);
    await Promise.allSettled([running, read]);
    closeSync(words.read);
  }
}
