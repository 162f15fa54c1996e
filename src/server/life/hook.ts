/** The administrator's own scripts, called on the main server around start and stop: NAME.sh, then those in NAME.sh.d. */
import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { step } from "../../linux/plan/step.ts";
import { runPlan } from "../../linux/spawn.ts";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";
import { hookDirectory, hookFile } from "../paths.ts";

const SIGKILL = 9;
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
  return phase.endsWith("-stop") ? found.reverse() : found;
}

/** The script ends with us: it must not be at work when the next command is. */
async function run(name: ServerName, path: string, phase: Phase): Promise<number> {
  const failure = { object: `vserver ${name}`, attempt: `run ${path}` };
  const together = step("pdeathsig", { signal: SIGKILL });
  const program = step("exec", { file: path, arguments: [path, phase, name], append: false }, failure);
  return (await runPlan([together, program], { stdin: "ignore" })).status;
}

/** Calls them, to the first that fails. @throws VserverError when one fails; its own output has been shown. */
export async function callHook(name: ServerName, phase: Phase): Promise<void> {
  for (const path of hooks(name, phase)) {
    const status = await run(name, path, phase);
    if (status === 0) continue;
    throw new VserverError({
      object: `vserver ${name}`,
      attempt: `go on after ${path} ${phase}`,
      cause: `it ended with ${status}`,
      wayOut: "mend the script",
    });
  }
}
