/** A copy of an open file with everything that belongs to it but the mark and the links: owner, attributes, permissions, times. */
import { closeSync, constants, fchmodSync, fchownSync, fsyncSync } from "node:fs";
import { copyContent } from "../linux/copy.ts";
import { nameBytes, type Status, statusOf } from "../linux/inode.ts";
import { setTimes } from "../linux/link.ts";
import { openat2, resolve, unlinkat } from "../linux/openat2.ts";
import { systemErrno } from "../linux/system-error.ts";
import { setAttribute } from "../linux/xattr.ts";
import { ownAttributes } from "./mark.ts";

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
const ENOENT = 2;

/** Owner first: it takes away set-user-id bits and file capabilities. */
export function copyProperties(from: number, status: Status, to: number): void {
  fchownSync(to, status.uid, status.gid);
  for (const [name, value] of ownAttributes(from)) setAttribute(to, name, value);
  fchmodSync(to, status.mode & 0o7777);
  setTimes(to, status.atime, status.mtime);
}

/**
 * Puts a copy of `file` into `directory` under a new name; what is there under it is removed. Extents are shared where the
 * file system can.
 *
 * @param durable waits until it is on disk
 * @returns the status of the copy
 * @throws SystemCallError or what the runtime throws: ENOSPC, EDQUOT; then the copy is not there
 */
export function duplicate(file: number, directory: number, name: string, durable: boolean): Status {
  try {
    unlinkat(directory, nameBytes(name));
  } catch (thrown) {
    if (systemErrno(thrown) !== ENOENT) throw thrown;
  }
  const how = resolve.BENEATH | resolve.NO_SYMLINKS;
  const made = openat2(directory, nameBytes(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, how, 0o600);
  try {
    const status = statusOf(file);
    copyContent(file, made, status.size);
    copyProperties(file, status, made);
    if (durable) fsyncSync(made);
    return statusOf(made);
  } catch (thrown) {
    unlinkat(directory, nameBytes(name));
    throw thrown;
  } finally {
    closeSync(made);
  }
}
