/** Looking into every context is done from context 1, and a process goes there in `launch`, never in TypeScript. */
import { existsSync } from "node:fs";
import { replaceProcess } from "../linux/exec.ts";
import { type Step, step } from "../linux/plan/step.ts";
import { selfCommand } from "../linux/self.ts";
import { VserverError } from "../text/error.ts";
import { spectatorContext } from "./abi.ts";
import { callKernel, callPath, encodeCall } from "./call.ts";

/** Enters context 1. */
export function spectatorSteps(tool: string): Step[] {
  const sentence = { object: tool, attempt: "enter context 1, which sees every process" };
  const wayOut = { EPERM: "run it as root of the main server (context 0)", default: "see vkernel status" };
  return [
    step("context_open", { path: callPath }, { ...sentence, wayOut }),
    step("context_call", { call: encodeCall({ operation: "ENTER", xid: spectatorContext }) }, { ...sentence, wayOut }),
  ];
}

/**
 * Makes sure that the caller is root and the kernel half loaded.
 *
 * @param exitCode status of the tool for every failure of its own; without it, the one of the failure
 */
export async function requireRoot(tool: string, attempt: string, exitCode?: number): Promise<void> {
  const own = exitCode === undefined ? {} : { exitCode };
  if (process.getuid?.() !== 0) {
    throw new VserverError({ object: tool, attempt, cause: "only root may", wayOut: "become root", ...own });
  }
  if (existsSync(callPath)) return;
  const { ensureLoaded } = await import("./load.ts");
  await ensureLoaded(tool, exitCode);
}

/** A program with its arguments, the name it is called by first; words that come behind them. */
export interface Program {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly words: readonly Uint8Array[];
}

/** This process becomes `program` in context 1. @throws VserverError when it may not. */
export async function becomeInSpectator(tool: string, program: Program, exitStatus: number): Promise<never> {
  await requireRoot(tool, "look into all contexts", exitStatus);
  const { file, arguments: fixed, words } = program;
  const wayOut = { ENOENT: `install it, or look at PATH` };
  const execute = step(
    "exec",
    { file, arguments: fixed, append: true },
    { object: tool, attempt: `execute ${file}`, wayOut },
  );
  return replaceProcess(tool, { steps: [...spectatorSteps(tool), execute], exitStatus }, words);
}

/**
 * Returns when this process is in context 1; else the same tool starts again there with these words.
 *
 * @throws VserverError when it may not.
 */
export async function becomeSpectator(tool: string, words: readonly string[], exitStatus: number): Promise<void> {
  await requireRoot(tool, "look into all contexts", exitStatus);
  if (callKernel({ operation: "QUERY" }).xid === spectatorContext) return;
  const encoder = new TextEncoder();
  const program = { ...selfCommand(tool), words: words.map((word) => encoder.encode(word)) };
  await becomeInSpectator(tool, program, exitStatus);
}
