/**
 * The mark of a unified file (immutable-linkage-invert): an extended attribute.
 *
 * While a marked file has more than one link, nobody outside context 0 changes it; the kernel half sees to that. A marked
 * file with one link is as private as any other.
 */
import { fstatSync } from "node:fs";
import { unifiedMark } from "../context/abi.ts";
import { errnoNumber, SystemCallError } from "../linux/errno.ts";
import { releaseLease, takeReadLease } from "../linux/lease.ts";
import { type Attribute, attributesOf, hasAttribute, removeAttribute, setAttribute } from "../linux/xattr.ts";

/** Whether the open file has the mark, however many links it has. @throws SystemCallError */
export const isMarked = (descriptor: number): boolean => hasAttribute(descriptor, unifiedMark);

/** What belongs to the file itself: all extended attributes but the mark. @throws SystemCallError */
export const ownAttributes = (descriptor: number): readonly Attribute[] =>
  attributesOf(descriptor).filter(([name]) => name !== unifiedMark);

/** What {@link isMarked} and {@link ownAttributes} tell, asked at once. */
export function markAndAttributes(descriptor: number): {
  readonly marked: boolean;
  readonly own: readonly Attribute[];
} {
  const all = attributesOf(descriptor);
  const own = all.filter(([name]) => name !== unifiedMark);
  return { marked: own.length < all.length, own };
}

function expectRegular(descriptor: number): void {
  if (!fstatSync(descriptor).isFile()) throw new SystemCallError("mark", errnoNumber("EINVAL"));
}

/**
 * Marks the open regular file; safe to repeat. Contents, permissions and all times but ctime stay.
 *
 * Whoever has it open for writing keeps that: ask {@link isOpenForWriting} when it is marked *and* has its second link,
 * not before, and undo when the answer is yes. From then on nobody outside context 0 gets to write to it.
 *
 * @throws SystemCallError EINVAL when it is no regular file; EOPNOTSUPP where the file system has no such attributes;
 *   whatever else fsetxattr(2) fails with, EPERM outside context 0
 */
export function mark(descriptor: number): void {
  expectRegular(descriptor);
  if (!isMarked(descriptor)) setAttribute(descriptor, unifiedMark, "1");
}

/** Takes the mark away; safe to repeat. Throws as {@link mark} does. */
export function unmark(descriptor: number): void {
  expectRegular(descriptor);
  removeAttribute(descriptor, unifiedMark);
}

/**
 * Whether anybody has the file open for writing, or mapped writable and shared from such a descriptor: the kernel grants
 * no read lease then. Of a writer that has closed it by now this tells nothing: compare contents and times afterwards.
 *
 * @param descriptor of a regular file, opened for reading by its owner or root
 * @throws SystemCallError where the file system has no leases (EINVAL), or for a stranger (EACCES)
 */
export function isOpenForWriting(descriptor: number): boolean {
  if (!takeReadLease(descriptor)) return true;
  releaseLease(descriptor);
  return false;
}
