/** What we keep of servers below the run directory; there may be no room for it. */
import { runDirectory } from "../../context/rundir.ts";
import { systemWords } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";

/** Writes something of it by `work`. @throws VserverError for what the system refuses. */
export function keep<Result>(name: ServerName, work: () => Result): Result {
  try {
    return work();
  } catch (thrown) {
    const cause = systemWords(thrown);
    if (cause === undefined) throw thrown;
    const attempt = `write down its state in ${runDirectory}`;
    throw new VserverError({ object: `vserver ${name}`, attempt, cause, wayOut: `see to it: df ${runDirectory}` });
  }
}
