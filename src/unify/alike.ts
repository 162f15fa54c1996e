/** Which files may be shared at all, and which look alike before their contents are read. */
import { inodeAttribute } from "../linux/inode.ts";
import { isMarked, markBit } from "./mark.ts";
import type { FileNode } from "./root.ts";

/** What makes an inode more than its bytes; chattr(1). */
const peculiar =
  inodeAttribute.immutable |
  inodeAttribute.append |
  inodeAttribute.nodump |
  inodeAttribute.encrypted |
  inodeAttribute.verity;

/**
 * A file with a name that may not be shared (a configuration file, another tree) is left alone, unless it is shared
 * already: nobody can write to it then. An empty file has nothing to save.
 */
export const mayBeShared = ({ status, names }: FileNode): boolean =>
  status.size > 0 && (status.attributes & peculiar) === 0 && (isMarked(status) || status.links === names.length);

/** Equal for files of equal size, permissions, owner and time of change. */
export const likeness = ({ status }: FileNode): string =>
  `${status.size} ${status.mode & ~markBit} ${status.uid} ${status.gid} ${status.mtime} ${status.device}`;
