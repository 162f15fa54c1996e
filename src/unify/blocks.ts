/** Two files that are equal get the same blocks (reflinks); each stays a file of its own, which whoever may writes to. */
import { type Extent, extentFlag, extentsOf, shareBlocks } from "../linux/extents.ts";
import { systemErrno } from "../linux/system-error.ts";
import { Left } from "./held.ts";

/** EINVAL, ENOTTY, EOPNOTSUPP: what file systems say that have no reflinks. */
const without: ReadonlySet<number> = new Set([22, 25, 95]);

/** A small file can be in its inode. */
const hasBlocks = (extents: readonly Extent[]): boolean =>
  extents.some(({ flags }) => (flags & extentFlag.inline) === 0);

const places = (extents: readonly Extent[]): string =>
  JSON.stringify(extents.map(({ logical, physical, length }) => [logical, physical, length]));

/**
 * @param size of both
 * @returns bytes on disk that were given back; undefined when there is nothing to share that is not shared
 * @throws Left, SystemCallError
 */
export function unifyBlocks(from: number, to: number, size: number): number | undefined {
  try {
    const before = extentsOf(to);
    if (!hasBlocks(before) || places(before) === places(extentsOf(from))) return undefined;
    if (!shareBlocks(from, to, size)) throw new Left("different", "it has another content");
    return before
      .filter(({ flags }) => (flags & (extentFlag.shared | extentFlag.inline)) === 0)
      .reduce((total, { length }) => total + length, 0);
  } catch (thrown) {
    if (!without.has(systemErrno(thrown) ?? 0)) throw thrown;
    throw new Left("refused", "its file system cannot share blocks between files; btrfs and XFS can");
  }
}
