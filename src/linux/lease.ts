/**
 * Read leases (fcntl(2)): the kernel grants one only while nobody has the file open for writing or maps it so, and holds
 * up whoever opens it for writing while it lasts (/proc/sys/fs/lease-break-time seconds at most).
 */
import type { Pointer } from "bun:ffi";
import { errnoNumber, SystemCallError } from "./errno.ts";
import { errno, libc } from "./libc.ts";

const F_SETLEASE = 1024;
const F_GETLEASE = 1025;
const F_RDLCK = 0;
const F_UNLCK = 2;
const SIGIO = 29;
const SIG_IGN = 1 as Pointer;
let ignored = false;

/** Whoever is held up is announced by SIGIO, whose default is to end us. */
function ignoreAnnouncements(): void {
  if (ignored) return;
  libc().signal(SIGIO, SIG_IGN);
  ignored = true;
}

/**
 * Takes the lease of a file that is open for reading; taking it again asks anew whether there are writers.
 *
 * @returns false while somebody has the file open for writing
 * @throws SystemCallError: EINVAL where the file system has no leases
 */
export function takeReadLease(descriptor: number): boolean {
  ignoreAnnouncements();
  if (libc().fcntl(descriptor, F_SETLEASE, F_RDLCK) === 0) return true;
  const number = errno();
  if (number === errnoNumber("EAGAIN")) return false;
  throw new SystemCallError("fcntl(F_SETLEASE)", number);
}

/** Whether the lease is still whole: nobody has come to open the file for writing. */
export const holdsReadLease = (descriptor: number): boolean => libc().fcntl(descriptor, F_GETLEASE, 0) === F_RDLCK;

export function releaseLease(descriptor: number): void {
  libc().fcntl(descriptor, F_SETLEASE, F_UNLCK);
}
