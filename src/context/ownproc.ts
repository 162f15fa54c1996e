/** What a context with files of /proc of its own is shown (kernel/ownproc.h): written to the kernel half's table. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { deleteElement, updateElement, withPinned } from "../linux/bpf.ts";
import { memory } from "../linux/libc.ts";
import { type ownProcFields, ownProcLayout, pinDirectory } from "./abi.ts";
import { contextKey, ifThere, withTable } from "./table.ts";

const map = join(pinDirectory, "own_procs");

/** The files, each a pin of the kernel half: `own_NAME` below {@link pinDirectory}. */
export const ownProcFiles = ["meminfo", "swaps", "uptime", "loadavg"] as const;
export const ownProcPin = (file: (typeof ownProcFiles)[number]): string => `own_${file}`;

export interface OwnProc {
  /** When the context's server was started, in nanoseconds since boot. */
  readonly started: bigint;
  /** How many processors it may use. */
  readonly processors: number;
}

const offset = (field: (typeof ownProcFields)[number][0]): number => ownProcLayout.offsets[field] ?? 0;

/** Whether the kernel half that is loaded has them. */
export const canShowOwnProc = (): boolean => existsSync(map);

/** Replaces what is shown; the load average begins anew. */
export function writeOwnProc(xid: number, own: OwnProc): void {
  const value = memory(ownProcLayout.size);
  value.view.setBigUint64(offset("started"), own.started, true);
  value.view.setUint32(offset("processors"), own.processors, true);
  withTable(map, (descriptor) => updateElement(descriptor, contextKey(xid), value));
}

/** Forgets a context that is gone; safe to repeat, also when nothing is loaded. */
export function forgetOwnProc(xid: number): void {
  ifThere(() => withPinned(map, (descriptor) => deleteElement(descriptor, contextKey(xid))));
}
