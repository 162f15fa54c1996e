/** The administrator's own scripts, called on the main server around start and stop: NAME.sh, then those in NAME.sh.d. */
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { step } from "../../linux/plan/step.ts";
import { runPlan } from "../../linux/spawn.ts";
import { systemErrno } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";
import { hookDirectory, hookFile } from "../paths.ts";

const SIGKILL = 9;
/** Milliseconds a script may take at stop: the machine may be shutting down, and other servers wait. */
const patience = 60_000;
export type Phase = "pre-start" | "post-start" | "pre-stop" | "post-stop";

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Names that run-parts(8) would take: no editor's and no package manager's leftovers. */
const isPartName = (name: string): boolean => /^[A-Za-z0-9_-]+$/.test(name);

/** The executable ones: at stop in the reverse of their order at start. */
function hooks(name: ServerName, phase: Phase): readonly string[] {
  const directory = hookDirectory(name);
  const parts = existsSync(directory) ? readdirSync(directory).filter(isPartName).sort() : [];
  const found = [hookFile(name), ...parts.map((part) => join(directory, part))].filter(isExecutable);
  return isStop(phase) ? found.reverse() : found;
}

const isStop = (phase: Phase): boolean => phase.endsWith("-stop");

/** The process and what it has started, as far as that has not been left to process 1. */
function family(pid: number): readonly number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    return [pid, ...children.flatMap(family)];
  } catch (thrown) {
    // It has ended by itself.
    if (systemErrno(thrown) === undefined) throw thrown;
    return [];
  }
}

function end(pid: number): void {
  for (const one of family(pid)) {
    try {
      process.kill(one, SIGKILL);
    } catch (thrown) {
      if (systemErrno(thrown) === undefined) throw thrown;
    }
  }
}

/** The script ends with us: it must not be at work when the next command is. @returns why it failed, if it has */
async function run(name: ServerName, path: string, phase: Phase): Promise<string | undefined> {
  const failure = { object: `vserver ${name}`, attempt: `run ${path}` };
  const together = step("pdeathsig", { signal: SIGKILL });
  const program = step("exec", { file: path, arguments: [path, phase, name], append: false }, failure);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let late = false;
  const started = (pid: number) => {
    timer = setTimeout(() => {
      late = true;
      end(pid);
    }, patience);
  };
  const watch = isStop(phase) ? { started } : {};
  const { status } = await runPlan([together, program], { stdin: "ignore", ...watch }).finally(() =>
    clearTimeout(timer),
  );
  if (late) return `it was killed after ${patience / 1000} seconds`;
  return status === 0 ? undefined : `it ended with ${status}`;
}

/** Calls them, to the first that fails. @throws VserverError when one fails; its own output has been shown. */
export async function callHook(name: ServerName, phase: Phase): Promise<void> {
  for (const path of hooks(name, phase)) {
    const cause = await run(name, path, phase);
    if (cause === undefined) continue;
    throw new VserverError({
      object: `vserver ${name}`,
      attempt: `go on after ${path} ${phase}`,
      cause,
      wayOut: "mend the script",
    });
  }
}
