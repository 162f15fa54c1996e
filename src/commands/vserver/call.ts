/** What a subcommand of `vserver NAME` is called with. */
import type { ServerName } from "../../server/name.ts";

export interface Call {
  readonly name: ServerName;
  /** Words after the subcommand. */
  readonly words: readonly string[];
  readonly noDevices: boolean;
  readonly silent: boolean;
  /** Stop and restart act on the start of this time alone; undefined = on any. */
  readonly started: number | undefined;
  readonly json: boolean;
}
