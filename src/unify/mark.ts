/**
 * The mark of a unified file (immutable-linkage-invert): its sticky bit, which means nothing else on a regular file.
 *
 * While a marked file has more than one link, nobody outside context 0 changes it; the kernel half sees to that. A marked
 * file with one link is as private as any other.
 */
import { fchmodSync, fstatSync } from "node:fs";
import { errnoNumber, SystemCallError } from "../linux/errno.ts";
import { releaseLease, takeReadLease } from "../linux/lease.ts";

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
/** S_ISVTX. Whoever compares the modes of two files leaves it out. */
export const markBit = 0o1000;

interface Mode {
  readonly mode: number;
}

const isRegular = ({ mode }: Mode) => (mode & S_IFMT) === S_IFREG;

/** Whether it is a regular file with the mark, however many links it has. */
export const isMarked = (status: Mode): boolean => isRegular(status) && (status.mode & markBit) !== 0;

/** Whether the kernel half guards it now: marked, and more than one link. */
export const isGuarded = (status: Mode & { readonly nlink: number }): boolean => isMarked(status) && status.nlink > 1;

function setMode(descriptor: number, change: (permissions: number) => number): void {
  const status = fstatSync(descriptor);
  if (!isRegular(status)) throw new SystemCallError("mark", errnoNumber("EINVAL"));
  const permissions = status.mode & 0o7777;
  const wanted = change(permissions);
  if (wanted !== permissions) fchmodSync(descriptor, wanted);
}

/**
 * Marks the open regular file; safe to repeat. Owner, permissions, contents and all times but ctime stay.
 *
 * Whoever has it open for writing keeps that: ask {@link isOpenForWriting} when it is marked *and* has its second link,
 * not before, and undo when the answer is yes. From then on nobody outside context 0 gets to write to it.
 *
 * @throws SystemCallError EINVAL when it is no regular file; whatever fchmod(2) throws, EPERM outside context 0
 */
export const mark = (descriptor: number): void => setMode(descriptor, (permissions) => permissions | markBit);

/** Takes the mark away; safe to repeat. Throws as {@link mark} does. */
export const unmark = (descriptor: number): void => setMode(descriptor, (permissions) => permissions & ~markBit);

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
