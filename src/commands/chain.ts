/** What chcontext, chbind and reducecap share: each changes this process for good and becomes the command it was given. */
import { type ContextFlag, contextFlags, fullCeiling } from "../context/abi.ts";
import { type CallRequest, callPath, encodeCall } from "../context/call.ts";
import { capabilityBit } from "../linux/capability.ts";
import { replaceProcess } from "../linux/exec.ts";
import { rawWords } from "../linux/inherited.ts";
import { type Step, step, type WayOut } from "../linux/plan/step.ts";
import { exists } from "../linux/proc.ts";
import { ownCapabilities } from "../linux/status.ts";
import type { Arguments, ParseRules } from "../text/arguments.ts";
import { UsageError } from "../text/error.ts";

/** Whatever goes wrong before the command runs, the status is 255, as in 2003. */
export const chainExit = 255;

export const chainRules: ParseRules = { stopAtWord: true, usageExit: chainExit };

/** The exit statuses of every chain loader. */
export const chainExits: readonly (readonly [string, string])[] = [
  [String(chainExit), "wrong usage, or a change or the command's start failed; the command did not run"],
  ["other", "the command's own exit status"],
];

const usage = (tool: string, text: string) => new UsageError(tool, text, chainExit);

/** The items of an option that may be repeated and may hold a comma list. */
export function listed(args: Arguments, flag: string): string[] {
  return args.values(flag).flatMap((value) => value.split(","));
}

/**
 * The bits of flag names.
 *
 * @throws UsageError for a name that is not among `allowed`.
 */
export function parseFlags(tool: string, names: readonly string[], allowed: readonly ContextFlag[]): number {
  return names.reduce((mask, name) => {
    const flag = allowed.find((known) => known === name);
    if (flag === undefined) throw usage(tool, `unknown flag ${name} (${allowed.join(" ")})`);
    return mask | contextFlags[flag];
  }, 0);
}

/**
 * The bit mask of one capability.
 *
 * @throws UsageError for a name the kernel does not have.
 */
export function parseCapability(tool: string, name: string): bigint {
  const bit = capabilityBit(name);
  if (bit === undefined) throw usage(tool, `unknown capability ${name}`);
  return 1n << BigInt(bit);
}

/** @throws UsageError when there is no command to become. */
export function requireCommand(tool: string, args: Arguments): void {
  if (args.words.length === 0) throw usage(tool, "a command is needed");
}

/** A step that is a context call. */
export function contextCall(tool: string, request: CallRequest, attempt: string, wayOut: WayOut): Step {
  return step("context_call", { call: encodeCall(request) }, { object: tool, attempt, wayOut });
}

/**
 * Takes the capabilities of `removed` away for good. The kernel half enforces it for everybody; where the process may,
 * it also lowers its own sets, so that /proc/self/status shows it.
 */
export function ceilingSteps(tool: string, removed: bigint): Step[] {
  if (removed === 0n) return [];
  const mask = fullCeiling & ~removed;
  const failure = { object: tool, attempt: "lower the capability ceiling" };
  const bounding = step("bounding", { mask }, failure);
  return [
    ...(ownCapabilities().effective & parseCapability(tool, "CAP_SETPCAP") ? [bounding] : []),
    step("capabilities", { effective: mask, permitted: mask, inheritable: mask }, failure),
    contextCall(tool, { operation: "CEILING", ceiling: mask }, failure.attempt, "see vkernel status"),
  ];
}

/** @throws VserverError when the kernel half is not loaded and cannot be. */
export async function requireKernelHalf(tool: string): Promise<void> {
  if (exists(callPath)) return;
  const { ensureLoaded } = await import("../context/load.ts");
  await ensureLoaded(tool, chainExit);
}

/**
 * Performs `steps` with the context call at hand, then becomes the command of these words.
 *
 * @throws VserverError when the kernel half is not loaded and cannot be.
 */
export async function becomeCommand(
  tool: string,
  words: readonly Uint8Array[],
  steps: readonly Step[],
): Promise<never> {
  await requireKernelHalf(tool);
  const open = step(
    "context_open",
    { path: callPath },
    { object: tool, attempt: "use security contexts", wayOut: "see vkernel status" },
  );
  const command = new TextDecoder().decode(words[0]);
  const wayOut = { ENOENT: "give its path, or look at PATH", EACCES: "look at its mode" };
  const execute = step(
    "exec",
    { file: "", arguments: [], append: true },
    { object: tool, attempt: `execute ${command}`, wayOut },
  );
  return replaceProcess(tool, { steps: [open, ...steps, execute], exitStatus: chainExit }, words);
}

/** The same with the command of our own command line, byte for byte. */
export const become = (tool: string, args: Arguments, steps: readonly Step[]): Promise<never> =>
  becomeCommand(tool, rawWords(args.words), steps);
