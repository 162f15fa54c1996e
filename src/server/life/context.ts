/** The security context a server gets: which one, and when it can be had. */
import { firstDynamicContext, firstGuestContext, lastContext } from "../../context/abi.ts";
import { callKernel } from "../../context/call.ts";
import { contexts, processes } from "../../context/lists.ts";
import { SystemCallError } from "../../linux/errno.ts";
import { VserverError } from "../../text/error.ts";
import { wantedContexts } from "../conf/contexts.ts";
import type { Server } from "./server.ts";
import { states } from "./state.ts";

/** Milliseconds that what has ended is waited for, and between two looks. */
const patience = 5000;
const interval = 20;

/**
 * The highest of the ids that the kernel half hands out, from the other end, to whoever asks. Users may have taken all of
 * them: then one below that no conf file asks for.
 *
 * @param wanted called only then
 */
export function freeContext(taken: ReadonlySet<number | null>, wanted: () => ReadonlySet<number>): number | undefined {
  for (let xid = lastContext; xid >= firstDynamicContext; xid--) if (!taken.has(xid)) return xid;
  const reserved = wanted();
  for (let xid = firstDynamicContext - 1; xid >= firstGuestContext; xid--)
    if (!taken.has(xid) && !reserved.has(xid)) return xid;
  return undefined;
}

/** An id nobody uses: the conf's, or a free one. */
export function chooseContext(server: Server): number {
  if (server.conf.context !== undefined) return server.conf.context;
  const taken = new Set([...contexts().map((one) => one.xid), ...states().map((state) => state.xid)]);
  const free = freeContext(taken, () => new Set(wantedContexts().values()));
  if (free !== undefined) return free;
  throw new VserverError({ object: `vserver ${server.name}`, attempt: "choose a context", cause: "all are in use" });
}

/** Whether a context has tasks, and not one that is a process still. */
function hasOnlyEnded(xid: number): boolean {
  try {
    return callKernel({ operation: "INSPECT", xid }).tasks > 0 && !processes().some((one) => one.xid === xid);
  } catch (thrown) {
    if (thrown instanceof SystemCallError) return false;
    throw thrown;
  }
}

/**
 * Waits until the kernel has forgotten the processes that a context had. It keeps one that it has killed for want of memory
 * for two seconds, and what it keeps is its context's: a server that ended so could not be started again at once.
 */
export async function untilFree(xid: number): Promise<void> {
  for (const last = Date.now() + patience; hasOnlyEnded(xid) && Date.now() < last; ) await Bun.sleep(interval);
}
