/** What all parts of one build share. */
import type { ServerName } from "../name.ts";
import type { Interrupt } from "./interrupt.ts";
import type { Progress } from "./progress.ts";
import type { Staging } from "./staging.ts";

export interface Job {
  readonly name: ServerName;
  /** What messages are about: `vserver NAME`. */
  readonly object: string;
  readonly staging: Staging;
  readonly progress: Progress;
  readonly interrupt: Interrupt;
  /** Shows a line that is no error: something was left out, and why. */
  readonly warn: (line: string) => void;
  /** Has a line said when the server is there. */
  readonly tell: (line: string) => void;
}
