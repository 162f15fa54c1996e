/** In which order files that look alike are compared, and which of them at all: not each with each. */
import { closeSync, readSync } from "node:fs";
import { leftBy } from "./held.ts";
import { isProtected } from "./marked.ts";
import { type FileNode, shownPlace } from "./root.ts";

/** Bytes at the beginning that most different files differ in. */
const headSize = 4096;
/** Fewer files are compared at once. */
const fewest = 4;
const head = Buffer.alloc(headSize);

/** @param beginning of a file, as many bytes as there are at hand */
export const headOf = (beginning: Uint8Array): string => String(Bun.hash(beginning.subarray(0, headSize)));

function readHead(node: FileNode): string {
  const [place] = node.names;
  if (place === undefined) return "";
  try {
    const file = place.root.openFile(place);
    try {
      return headOf(head.subarray(0, readSync(file, head, 0, headSize, 0)));
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

/** Shared files first: what looks alike mostly is alike, and is compared with the first. */
export const inOrder = (alike: readonly FileNode[]): readonly FileNode[] => [...alike].sort(bySharing);

/** Groups of those that may be equal among themselves, in the order they had. */
export function byHead(nodes: readonly FileNode[]): readonly (readonly FileNode[])[] {
  if (nodes.length < fewest) return [nodes];
  return [...Map.groupBy(nodes, (node) => node.head ?? readHead(node)).values()].filter((group) => group.length > 1);
}
