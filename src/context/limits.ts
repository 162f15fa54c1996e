/** Limits of a context that the kernel half enforces: what is written to its tables, and what it has counted. */
import { join } from "node:path";
import { deleteElement, readElement, updateElement, withPinned } from "../linux/bpf.ts";
import { memory } from "../linux/libc.ts";
import { type limitFields, limitLayout, noLeastNice, pinDirectory, type usageFields, usageLayout } from "./abi.ts";
import { contextKey, ifThere, withTable } from "./table.ts";

const limitsMap = join(pinDirectory, "limits");
const usagesMap = join(pinDirectory, "usages");

/** Counted without end. */
export const allFiles = 0xffff_ffff_ffff_ffffn;

export interface ContextLimit {
  /** Tells this life of the context from earlier ones. */
  readonly generation: bigint;
  /** Most open files; undefined: they are not counted. */
  readonly files: bigint | undefined;
  /** The best level of nice; undefined: none is better than allowed. */
  readonly leastNice: number | undefined;
  /** Its processes may not move files to another project, whose quota they would not count for. */
  readonly fixedProject: boolean;
}

export interface ContextUsage {
  readonly files: number;
  readonly filesRefused: number;
}

const limitOffset = (field: (typeof limitFields)[number][0]): number => limitLayout.offsets[field] ?? 0;
const usageOffset = (field: (typeof usageFields)[number][0]): number => usageLayout.offsets[field] ?? 0;

/** Replaces the limits of a context; the counts stay. */
export function writeContextLimit(xid: number, limit: ContextLimit): void {
  const value = memory(limitLayout.size);
  value.view.setBigUint64(limitOffset("generation"), limit.generation, true);
  value.view.setBigUint64(limitOffset("files"), limit.files ?? 0n, true);
  value.view.setInt32(limitOffset("least_nice"), limit.leastNice ?? noLeastNice, true);
  value.view.setUint32(limitOffset("fixed_project"), limit.fixedProject ? 1 : 0, true);
  withTable(limitsMap, (map) => updateElement(map, contextKey(xid), value));
}

/** The limits of a context that has some. */
export function readContextLimit(xid: number): ContextLimit | undefined {
  const value = memory(limitLayout.size);
  return ifThere(() => {
    withTable(limitsMap, (map) => readElement(map, contextKey(xid), value));
    const files = value.view.getBigUint64(limitOffset("files"), true);
    const nice = value.view.getInt32(limitOffset("least_nice"), true);
    return {
      generation: value.view.getBigUint64(limitOffset("generation"), true),
      files: files === 0n ? undefined : files,
      leastNice: nice === noLeastNice ? undefined : nice,
      fixedProject: value.view.getUint32(limitOffset("fixed_project"), true) !== 0,
    };
  });
}

/** Keeps the files of a context in their project from now on. */
export function guardProjects(xid: number): void {
  const limit = readContextLimit(xid);
  if (limit !== undefined) writeContextLimit(xid, { ...limit, fixedProject: true });
}

/** Gives a context that is being set up its limits, with all counts at 0. */
export function startContextLimit(xid: number, limit: ContextLimit): void {
  const counts = memory(usageLayout.size);
  counts.view.setBigUint64(usageOffset("generation"), limit.generation, true);
  withTable(usagesMap, (map) => updateElement(map, contextKey(xid), counts));
  writeContextLimit(xid, limit);
}

/** What a context with limits uses. */
export function readContextUsage(xid: number): ContextUsage | undefined {
  const value = memory(usageLayout.size);
  return ifThere(() => {
    withTable(usagesMap, (map) => readElement(map, contextKey(xid), value));
    const count = (field: "files" | "files_refused") => Number(value.view.getBigUint64(usageOffset(field), true));
    return { files: count("files"), filesRefused: count("files_refused") };
  });
}

/** Forgets the limits of a context that is gone; safe to repeat, also when nothing is loaded. */
export function forgetContextLimit(xid: number): void {
  for (const path of [limitsMap, usagesMap])
    ifThere(() => withPinned(path, (map) => deleteElement(map, contextKey(xid))));
}
