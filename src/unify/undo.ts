/** Gives the names that one tree has of a shared file a private copy, and the mark back when nobody else shares it. */
import { closeSync, constants } from "node:fs";
import { statusOf } from "../linux/inode.ts";
import { linkOpen } from "../linux/link.ts";
import { openat2, resolve } from "../linux/openat2.ts";
import { inheritProject } from "../linux/project.ts";
import { duplicate } from "./duplicate.ts";
import { Held, leftBy } from "./held.ts";
import { unmark } from "./mark.ts";
import { replaceName } from "./replace.ts";
import { type FileNode, type Place, shownPlace } from "./root.ts";
import { type Staging, spareName, unfinished } from "./staging.ts";

/** The same inode as it is now: another tree may have given up its names of it. */
function now(node: FileNode, place: Place): FileNode {
  const file = place.root.openFile(place);
  try {
    const status = statusOf(file);
    return { status: status.inode === node.status.inode ? status : node.status, names: [place] };
  } finally {
    closeSync(file);
  }
}

function replaceAll(held: Held, names: readonly Place[], staging: Staging): void {
  const copied = duplicate(held.descriptor, staging.descriptor, unfinished, true);
  const copy = openat2(staging.descriptor, unfinished, constants.O_RDONLY, resolve.BENEATH | resolve.NO_SYMLINKS);
  try {
    // A tree with a disk limit takes in no file of another project.
    for (const place of names.slice(0, 1)) inheritProject(copy, place.root.directoryOf(place));
    const replaced = held.node.status.inode;
    const ours = copied.inode;
    const spare = spareName(replaced, ours);
    for (const place of names) {
      linkOpen(copy, staging.descriptor, spare);
      try {
        replaceName(place, { staging, spare, replaced, ours }, () => held.expectQuiet());
      } finally {
        staging.giveUp(spare, [ours, replaced]);
      }
    }
  } finally {
    closeSync(copy);
    staging.remove(unfinished);
  }
}

/**
 * @param names all of them in one tree
 * @returns bytes on disk that the copy takes; 0 when no copy was needed
 * @throws Left: the file is as it was, or some of its names are
 */
export function makePrivate(node: FileNode, names: readonly Place[], staging: Staging): number {
  const [place] = names;
  if (place === undefined) return 0;
  try {
    const held = Held.open(now(node, place));
    try {
      const copies = held.status().links > names.length;
      if (copies) replaceAll(held, names, staging);
      const { links } = held.status();
      if (links <= (copies ? 1 : names.length)) unmark(held.descriptor);
      return copies ? node.status.allocated : 0;
    } finally {
      held.close();
    }
  } catch (thrown) {
    throw leftBy(thrown, shownPlace(place));
  }
}
