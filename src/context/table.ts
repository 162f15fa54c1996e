/** The tables that the kernel half and the tools share: what is written there in another layout would be misread. */
import { withPinned } from "../linux/bpf.ts";
import { errnoNumber, SystemCallError } from "../linux/errno.ts";
import { memory } from "../linux/libc.ts";
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

/** The key of an entry that belongs to a context, or of the only one of an array, which is 0. */
export function contextKey(xid: number): ReturnType<typeof memory> {
  const key = memory(4);
  key.view.setUint32(0, xid, true);
  return key;
}

/** What `work` returns; undefined when the table or the entry is not there. */
export function ifThere<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof SystemCallError && thrown.errno === errnoNumber("ENOENT")) return undefined;
    throw thrown;
  }
}
