/** Which files may be shared at all, and which look alike before their contents are read. */
import { inodeAttribute } from "../linux/inode.ts";
import { isMarkedNode } from "./marked.ts";
import type { FileNode } from "./root.ts";

/** What makes an inode more than its bytes; chattr(1). */
const peculiar =
  inodeAttribute.immutable |
  inodeAttribute.append |
  inodeAttribute.nodump |
  inodeAttribute.encrypted |
  inodeAttribute.verity;

/** The bits for user, group and the sticky one. */
const upperModeBits = 0o7000;

/**
 * A file with a name that may not be shared (a configuration file, another tree) is left alone, unless it is shared
 * already: nobody can write to it then. Of one with any of the upper mode bits package managers take these away before
 * they remove it (docs/mark.md), which would be refused. An empty file has nothing to save.
 */
export function mayBeShared(node: FileNode): boolean {
  const { status, names } = node;
  if (status.size === 0 || (status.attributes & peculiar) !== 0 || (status.mode & upperModeBits) !== 0) return false;
  return status.links === names.length || isMarkedNode(node);
}

/** Equal for files of equal size, permissions, owner and time of change, wherever they are. */
export const likeness = ({ status }: FileNode): string =>
  `${status.size} ${status.mode} ${status.uid} ${status.gid} ${status.mtime}`;

/** The same for files that a hard link could stand for: of one file system, or one subvolume of btrfs. */
export const linkableLikeness = (node: FileNode): string => `${likeness(node)} ${node.status.device}`;
