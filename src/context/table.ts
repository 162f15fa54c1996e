/** The tables that the kernel half and the tools share: what is written there in another layout would be misread. */
import { withPinned } from "../linux/bpf.ts";
import { VserverError } from "../text/error.ts";
import { identity } from "./call.ts";

export const otherVersionWayOut =
  "stop all servers, end what else runs in contexts (vps shows it), then run vkernel unload and vkernel load";

/** Asked once: it does not change under a tool that runs. */
let ours = false;

/** @throws VserverError in the name of `object` when the kernel half that is loaded is of another version than the tools. */
export function refuseOtherVersion(object: string, attempt: string, exitCode?: number): void {
  ours ||= identity().ours;
  if (ours) return;
  const cause = "the kernel half that is loaded is of another version than these tools";
  const own = exitCode === undefined ? {} : { exitCode };
  throw new VserverError({ object, attempt, cause, wayOut: otherVersionWayOut, ...own });
}

/** Runs `work` with a descriptor of a table of the kernel half. @throws SystemCallError; VserverError for another version */
export function withTable<Result>(path: string, work: (descriptor: number) => Result): Result {
  return withPinned(path, (descriptor) => {
    refuseOtherVersion("vkernel", "use the tables of the kernel half");
    return work(descriptor);
  });
}
