/**
 * The one error class: what object, what was attempted, why it failed, what to do about it.
 *
 * A command prints `message` as a single line on stderr and exits with `exitCode`; nobody ever sees a stack trace.
 */
export interface Failure {
  /** What it is about: `vserver web1`, `/etc/vservers/web1.conf:3:7`, `chbind`. */
  readonly object: string;
  /** What was tried, as an infinitive after "cannot": `add 10.0.0.2 to eth0`. */
  readonly attempt: string;
  /** Why it failed: the words of an errno or a rule. */
  readonly cause: string;
  /** What the reader can do about it. */
  readonly wayOut?: string;
  /** Exit status of the command, 1 to 255. */
  readonly exitCode?: number;
}

export class VserverError extends Error {
  override readonly name = "VserverError";
  readonly failure: Failure;
  readonly exitCode: number;

  constructor(failure: Failure) {
    const wayOut = failure.wayOut === undefined ? "" : `; ${failure.wayOut}`;
    super(`${failure.object}: cannot ${failure.attempt}: ${failure.cause}${wayOut}`.replace(/\s*\n\s*/g, " "));
    this.failure = failure;
    this.exitCode = failure.exitCode ?? 1;
  }
}

/** Wrong words on the command line: `TOOL: unknown option --foo; see TOOL --help`. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  constructor(
    readonly tool: string,
    readonly complaint: string,
    readonly exitCode: number = 2,
  ) {
    super(`${tool}: ${complaint}; see ${tool} --help`.replace(/\s*\n\s*/g, " "));
  }
}

/** The line to print and the status to exit with, for anything that was thrown. */
export function explain(thrown: unknown): { readonly line: string; readonly exitCode: number } {
  if (thrown instanceof VserverError || thrown instanceof UsageError) {
    return { line: thrown.message, exitCode: thrown.exitCode };
  }
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return { line: `vserver: cannot go on: ${reason.replace(/\s*\n\s*/g, " ")}; please report this`, exitCode: 70 };
}
