/** The security context a server gets: which one, and when it can be had. */
import { firstDynamicContext, lastContext } from "../../context/abi.ts";
import { callKernel } from "../../context/call.ts";
import { contexts, processes } from "../../context/lists.ts";
import { SystemCallError } from "../../linux/errno.ts";
import { VserverError } from "../../text/error.ts";
import type { Server } from "./server.ts";
import { states } from "./state.ts";

/** Milliseconds that what has ended is waited for, and between two looks. */
const patience = 5000;
const interval = 20;

/** An id nobody uses: the conf's, or the highest free one (the kernel half hands out its own from the other end). */
export function chooseContext(server: Server): number {
  if (server.conf.context !== undefined) return server.conf.context;
  const taken = new Set([...contexts().map((one) => one.xid), ...states().map((state) => state.xid)]);
  for (let xid = lastContext; xid >= firstDynamicContext; xid--) if (!taken.has(xid)) return xid;
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
