/** Copy on write of unified files: which contexts have it, and who makes the copies (copy/, kernel/copy.h). */
import { join } from "node:path";
import { deleteElement, readElement, updateElement, withPinned } from "../linux/bpf.ts";
import { errnoNumber, SystemCallError } from "../linux/errno.ts";
import { memory } from "../linux/libc.ts";
import { processTimes } from "../linux/procstat.ts";
import { copyLayout, copyRoot, copyServers, pinDirectory } from "./abi.ts";
import { contextKey, ifThere, withTable } from "./table.ts";

const copiesMap = join(pinDirectory, "copies");
const copierMap = join(pinDirectory, "copier");
/** struct copier of kernel/copy.h. */
const copier = { size: 16, pid: 0, started: 8 } as const;
/** Nanoseconds in the unit in which /proc tells when a process was started. */
const tick = 10_000_000n;

/**
 * From now on a context gets copies of unified files that it writes to.
 *
 * @param root real path of the tree in which it has them
 * @returns why it does not
 */
export function giveCopies(xid: number, root: string): string | undefined {
  const slot = memory(copyLayout.size);
  const path = new TextEncoder().encode(root);
  if (path.length >= copyRoot) return `the path of its tree is longer than ${copyRoot - 1} bytes`;
  slot.bytes.set(path, copyLayout.offsets["root"]);
  try {
    withTable(copiesMap, (map) => updateElement(map, contextKey(xid), slot));
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof SystemCallError)) throw thrown;
    return thrown.errno === errnoNumber("E2BIG") ? `${copyServers} servers have the flag already` : thrown.message;
  }
}

/** A context gets none any more; safe to repeat, also when nothing is loaded. Whether it got some. */
export function forgetCopies(xid: number): boolean {
  return (
    ifThere(() => {
      withPinned(copiesMap, (map) => deleteElement(map, contextKey(xid)));
      return true;
    }) ?? false
  );
}

/** Whether a context gets copies, when somebody makes them. */
export function hasCopies(xid: number): boolean {
  const slot = memory(copyLayout.size);
  return (
    ifThere(() => {
      withTable(copiesMap, (map) => readElement(map, contextKey(xid), slot));
      return true;
    }) ?? false
  );
}

/** The process that makes the copies, while it lives. */
export function copierProcess(): number | undefined {
  const value = memory(copier.size);
  ifThere(() => withPinned(copierMap, (map) => readElement(map, contextKey(0), value)));
  const pid = value.view.getInt32(copier.pid, true);
  const started = value.view.getBigUint64(copier.started, true);
  return pid !== 0 && processTimes(pid)?.start === Number(started / tick) ? pid : undefined;
}
