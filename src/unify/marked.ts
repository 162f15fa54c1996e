/** Whether files that a scan found are marked, asked of the file system when somebody wants to know, and once. */
import { closeSync } from "node:fs";
import { systemErrno } from "../linux/system-error.ts";
import { isMarked } from "./mark.ts";
import type { FileNode } from "./root.ts";

function ask({ names: [place] }: FileNode): boolean {
  if (place === undefined) return false;
  try {
    const file = place.root.openFile(place);
    try {
      return isMarked(file);
    } finally {
      closeSync(file);
    }
  } catch (thrown) {
    if (systemErrno(thrown) === undefined) throw thrown;
    // Whoever does something with it is told why.
    return false;
  }
}

export function isMarkedNode(node: FileNode): boolean {
  node.marked ??= ask(node);
  return node.marked;
}

/** Whether nobody outside context 0 can change it. */
export const isProtected = (node: FileNode): boolean => node.status.links > 1 && isMarkedNode(node);
