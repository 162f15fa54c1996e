/** Runs a plan in a child process, and says in a good sentence which step failed and why. */
import { closeSync, existsSync, readSync } from "node:fs";
import { VserverError } from "../text/error.ts";
import { check, errnoName, errnoWords } from "./errno.ts";
import { inheritedDescriptorLimit } from "./inherited.ts";
import { launchPaths } from "./launch.ts";
import { libc, memory } from "./libc.ts";
import { sealedMemory } from "./memfd.ts";
import { encodePlan } from "./plan/encode.ts";
import { type Step, step, wayOutFor } from "./plan/step.ts";

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const RLIMIT_NOFILE = 7;

export interface SpawnOptions {
  /** Words for an exec step that appends. */
  readonly words?: readonly string[];
  readonly stdin?: number | "inherit" | "ignore";
  readonly stdout?: number | "inherit" | "ignore" | "pipe";
  readonly stderr?: number | "inherit" | "ignore";
  /** Further descriptors for the plan; they become 5, 6, … */
  readonly descriptors?: readonly number[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Called as soon as the child exists. */
  readonly started?: (pid: number) => void;
}

export interface SpawnResult {
  /** Exit status of the program, or of `launch` when the plan has no exec step; 128 + signal when it was killed. */
  readonly status: number;
  /** What it wrote to standard output, when that was "pipe". */
  readonly output: string;
}

/** The error of a failed step. */
export function stepError(step: Step | undefined, number: number): VserverError {
  const failure = typeof step?.failure === "object" ? step.failure : undefined;
  const wayOut = wayOutFor(failure?.wayOut, errnoName(number));
  return new VserverError({
    object: failure?.object ?? "launch",
    attempt: failure?.attempt ?? `perform the step ${step?.operation ?? "unknown"}`,
    cause: errnoWords(number),
    ...(wayOut === undefined ? {} : { wayOut }),
  });
}

function reportPipe(): { readonly read: number; readonly write: number } {
  const ends = memory(8);
  check("pipe2", libc().pipe2(ends.bytes, O_CLOEXEC | O_NONBLOCK));
  return { read: ends.view.getInt32(0, true), write: ends.view.getInt32(4, true) };
}

/** The failing step's number and its errno, if `launch` wrote any. */
function readReport(descriptor: number): { readonly index: number; readonly number: number } | undefined {
  const bytes = new Uint8Array(8);
  try {
    if (readSync(descriptor, bytes) !== bytes.length) return undefined;
  } catch {
    return undefined; // EAGAIN: a process of the plan is alive and has not failed
  }
  const view = new DataView(bytes.buffer);
  return { index: view.getUint32(0, true), number: view.getInt32(4, true) };
}

/** A plan without a program ends with 0 or a report; anything else is the end of `launch` itself. */
function unfinished(status: number): VserverError {
  const wayOut = "what it printed says why; a status above 128 is a signal";
  return new VserverError({
    object: "launch",
    attempt: "finish the plan",
    cause: `it ended with status ${status}`,
    wayOut,
  });
}

/**
 * Runs `launch` with these steps as a child and waits for it (with a detach step: until the program was executed).
 * Its limit of open descriptors is the one our caller had; its signals are the default ones.
 *
 * @throws VserverError composed from the sentence of the step that failed.
 */
export async function runPlan(steps: readonly Step[], options: SpawnOptions = {}): Promise<SpawnResult> {
  const path = launchPaths().find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new VserverError({
      object: "vserver",
      attempt: "run launch",
      cause: `there is no ${launchPaths().join(" or ")}`,
      wayOut: "install vserver completely",
    });
  }
  const all = [step("rlimit", { resource: RLIMIT_NOFILE, soft: inheritedDescriptorLimit(), hard: -2 }), ...steps];
  const plan = sealedMemory("plan", encodePlan({ steps: all, exitStatus: 1, report: 4 }));
  const pipe = reportPipe();
  try {
    const child = Bun.spawn([path, "3", ...(options.words ?? [])], {
      stdio: [
        options.stdin ?? "inherit",
        options.stdout ?? "inherit",
        options.stderr ?? "inherit",
        plan,
        pipe.write,
        ...(options.descriptors ?? []),
      ],
      ...(options.environment === undefined ? {} : { env: { ...options.environment } }),
    });
    options.started?.(child.pid);
    const output = options.stdout === "pipe" ? await new Response(child.stdout as ReadableStream).text() : "";
    const status = await child.exited;
    const report = readReport(pipe.read);
    if (report !== undefined) throw stepError(all[report.index], report.number);
    if (status !== 0 && !all.some((one) => one.operation === "exec")) throw unfinished(status);
    return { status, output };
  } finally {
    for (const descriptor of [plan, pipe.read, pipe.write]) closeSync(descriptor);
  }
}
