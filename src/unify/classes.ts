/** Splits files that look alike into classes that may have the same content, without comparing each with each. */
import { closeSync, readSync } from "node:fs";
import { leftBy } from "./held.ts";
import { isProtected } from "./marked.ts";
import { type FileNode, shownPlace } from "./root.ts";

/** Bytes at the beginning that most different files differ in. */
const headSize = 4096;
/** Fewer files are compared at once. */
const fewest = 4;
const head = Buffer.alloc(headSize);

function headOf(node: FileNode): string {
  const [place] = node.names;
  if (place === undefined) return "";
  try {
    const file = place.root.openFile(place);
    try {
      return String(Bun.hash(head.subarray(0, readSync(file, head, 0, headSize, 0))));
    } finally {
      closeSync(file);
    }
  } catch (thrown) {
    // It is looked at again, and counted, when it is its turn.
    return leftBy(thrown, shownPlace(place)).refusal;
  }
}

/** Shared files first, those with the most links before: the fewer links have to be made. */
const bySharing = (one: FileNode, other: FileNode): number =>
  Number(isProtected(other)) - Number(isProtected(one)) || other.status.links - one.status.links;

export function classes(alike: readonly FileNode[]): readonly (readonly FileNode[])[] {
  if (alike.length < 2) return [];
  const groups =
    alike.length < fewest ? [[...alike]] : [...Map.groupBy(alike, headOf).values()].filter((group) => group.length > 1);
  for (const group of groups) group.sort(bySharing);
  return groups;
}
