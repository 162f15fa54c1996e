/** A step is one operation of `launch` with typed arguments and the sentence to say when it fails. */
import type { ErrnoName } from "../errno.ts";
import type { ArgumentKind, OperationName, operations } from "./ops.ts";

interface ArgumentTypes {
  /** Whole number; booleans are 0 and 1. */
  readonly i: number | bigint | boolean;
  /** Text is written as UTF-8; bytes as they are. Neither may hold a NUL. */
  readonly s: string | Uint8Array;
  readonly b: Uint8Array;
  readonly v: readonly (string | Uint8Array)[];
}

export type ArgumentValue = ArgumentTypes[ArgumentKind];

/** The arguments of one operation by name. */
export type StepArguments<Name extends OperationName> = {
  readonly [Argument in keyof (typeof operations)[Name]]: (typeof operations)[Name][Argument] extends ArgumentKind
    ? ArgumentTypes[(typeof operations)[Name][Argument]]
    : never;
};

/** What to do about a failure: always the same, or by errno (`default` for the rest). */
export type WayOut = string | Readonly<Partial<Record<ErrnoName | "default", string>>>;

/** The sentence of a failing step; the cause is its errno. */
export interface StepFailure {
  readonly object: string;
  /** Infinitive after "cannot". */
  readonly attempt: string;
  readonly wayOut?: WayOut;
}

export interface Step {
  readonly operation: OperationName;
  readonly arguments: Readonly<Record<string, ArgumentValue>>;
  /** "ignore": a failure changes nothing. */
  readonly failure: StepFailure | "ignore" | undefined;
}

/**
 * Makes a step.
 *
 * @example step("mount", { source: "proc", target: "/proc", type: "proc", flags: 0, data: "" }, { object, attempt: "mount /proc" })
 */
export function step<Name extends OperationName>(
  operation: Name,
  args: StepArguments<Name>,
  failure?: StepFailure | "ignore",
): Step {
  return { operation, arguments: args, failure };
}

/** The way out for one errno. */
export function wayOutFor(wayOut: WayOut | undefined, errno: ErrnoName | undefined): string | undefined {
  if (wayOut === undefined || typeof wayOut === "string") return wayOut;
  return (errno === undefined ? undefined : wayOut[errno]) ?? wayOut.default;
}
