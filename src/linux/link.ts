/** Hard links of open files, and two names that change places in one step. */
import { dlopen } from "bun:ffi";
import { SystemCallError } from "./errno.ts";
import { nameBytes, type Status } from "./inode.ts";
import { errno, libc } from "./libc.ts";

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;

function open() {
  return dlopen("libc.so.6", {
    linkat: { args: ["i32", "ptr", "i32", "ptr", "i32"], returns: "i32" },
    renameat2: { args: ["i32", "ptr", "i32", "ptr", "u32"], returns: "i32" },
    utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
    fchownat: { args: ["i32", "ptr", "u32", "u32", "i32"], returns: "i32" },
    futimens: { args: ["i32", "ptr"], returns: "i32" },
    syncfs: { args: ["i32"], returns: "i32" },
  } as const).symbols;
}
let opened: ReturnType<typeof open> | undefined;
function calls(): ReturnType<typeof open> {
  libc();
  opened ??= open();
  return opened;
}

const text = (name: string): Uint8Array => nameBytes(`${name}\0`);
const empty = new Uint8Array(1);

function checked(call: string, result: number): void {
  if (result < 0) throw new SystemCallError(call, errno());
}

/** Gives the very file that is open another name. @throws SystemCallError: EXDEV, EMLINK, EEXIST */
export const linkOpen = (file: number, directory: number, name: string): void =>
  checked("linkat", calls().linkat(file, empty, directory, text(name), AT_EMPTY_PATH));

/** Both names must exist. @throws SystemCallError: ENOENT, EXDEV */
export const exchange = (from: number, name: string, to: number, other: string): void =>
  checked("renameat2", calls().renameat2(from, text(name), to, text(other), RENAME_EXCHANGE));

/** @throws SystemCallError: EEXIST when the new name is taken */
export const moveNew = (from: number, name: string, to: number, other: string): void =>
  checked("renameat2", calls().renameat2(from, text(name), to, text(other), RENAME_NOREPLACE));

/** Of the form `seconds.nanoseconds` of a {@link Status}. */
function timespecs(atime: string, mtime: string): BigInt64Array {
  const times = new BigInt64Array(4);
  for (const [at, time] of [atime, mtime].entries()) {
    const [seconds = "0", nanoseconds = "0"] = time.split(".");
    times[2 * at] = BigInt(seconds);
    times[2 * at + 1] = BigInt(nanoseconds);
  }
  return times;
}

/** Sets the times of access and change, to the nanosecond. */
export const setTimes = (file: number, atime: string, mtime: string): void =>
  checked("futimens", calls().futimens(file, timespecs(atime, mtime)));

/** Gives a name in a directory, itself and not what a link points to, its owner and its times. */
export function setOwnerAndTimesAt(directory: number, name: string, status: Status): void {
  checked("fchownat", calls().fchownat(directory, text(name), status.uid, status.gid, AT_SYMLINK_NOFOLLOW));
  const times = timespecs(status.atime, status.mtime);
  checked("utimensat", calls().utimensat(directory, text(name), times, AT_SYMLINK_NOFOLLOW));
}

/** Writes the whole file system to disk, the one that an open file is in. */
export const syncFileSystem = (file: number): void => checked("syncfs", calls().syncfs(file));
