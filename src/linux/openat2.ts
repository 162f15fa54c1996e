/** openat2(2) and the calls that work beneath an open directory: no path is ever resolved from the process's own root. */
import { dlopen, type Pointer } from "bun:ffi";
import { closeSync } from "node:fs";
import { SystemCallError } from "./errno.ts";
import { errno, libc, memory } from "./libc.ts";

/** How openat2 treats what it meets on the way (linux/openat2.h, Linux 5.6). */
export const resolve = {
  /** Mount points are not crossed. */
  NO_XDEV: 0x01,
  /** Links of /proc are not followed. */
  NO_MAGICLINKS: 0x02,
  /** No symbolic link is followed, wherever it stands in the path (ELOOP). */
  NO_SYMLINKS: 0x04,
  /** Leaving the directory is an error. */
  BENEATH: 0x08,
  /** The directory is taken for the root, by absolute symbolic links and `..` too. */
  IN_ROOT: 0x10,
} as const;

export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
const SYS_openat2 = 437;
const AT_REMOVEDIR = 0x200;
const EAGAIN = 11;

/** A path of our own, or a name as the file system has it. */
export type Name = string | Uint8Array;

function open() {
  return dlopen("libc.so.6", {
    syscall: { args: ["i64", "i64", "u64", "u64", "u64"], returns: "i32" },
    mkdirat: { args: ["i32", "ptr", "u32"], returns: "i32" },
    unlinkat: { args: ["i32", "ptr", "i32"], returns: "i32" },
    symlinkat: { args: ["ptr", "i32", "ptr"], returns: "i32" },
    mknodat: { args: ["i32", "ptr", "u32", "u64"], returns: "i32" },
    renameat: { args: ["i32", "ptr", "i32", "ptr"], returns: "i32" },
    readlinkat: { args: ["i32", "ptr", "ptr", "u64"], returns: "i64" },
    flock: { args: ["i32", "i32"], returns: "i32" },
  } as const).symbols;
}
let opened: ReturnType<typeof open> | undefined;
function calls(): ReturnType<typeof open> {
  libc();
  opened ??= open();
  return opened;
}

/** NUL-terminated bytes. */
function text(name: Name): Uint8Array {
  const bytes = typeof name === "string" ? Buffer.from(name) : name;
  const terminated = Buffer.alloc(bytes.length + 1);
  terminated.set(bytes);
  if (terminated.indexOf(0) !== terminated.length - 1) throw new SystemCallError("open", 22);
  return terminated;
}
const end = new Uint8Array(1);

function checked(call: string, result: number | bigint): number {
  if (result < 0) throw new SystemCallError(call, errno());
  return Number(result);
}

const openHow = memory(24);
/** The longest path the kernel takes, and a byte more to have it say that one is too long. */
const openPath = memory(4098);

/** Writes a path to be opened where its address is known. */
function putPath(path: Name): void {
  const name = typeof path === "string" ? Buffer.from(path) : path;
  if (name.indexOf(0) >= 0) throw new SystemCallError("open", 22);
  const length = Math.min(name.length, openPath.bytes.length - 1);
  openPath.bytes.set(length < name.length ? name.subarray(0, length) : name);
  openPath.bytes[length] = 0;
}
/** The longest target a symbolic link can have. */
const target = memory(4096);

/**
 * Opens `path` relative to `directory`; the descriptor is close-on-exec.
 *
 * @throws SystemCallError: EXDEV when it leaves the directory, ELOOP at a link that may not be followed.
 */
export function openat2(directory: number, path: Name, flags: number, how: number, mode = 0): number {
  const { view, bytes, address } = openHow;
  // The upper halves are nought.
  view.setUint32(0, flags | O_CLOEXEC, true);
  view.setUint32(8, mode, true);
  view.setUint32(16, how, true);
  putPath(path);
  for (let attempt = 0; ; attempt++) {
    const result = calls().syscall(SYS_openat2, directory, openPath.address, address, bytes.length);
    if (result >= 0) return result;
    // The tree changed while `..` was looked up: the kernel asks to try again.
    if (errno() !== EAGAIN || attempt >= 64) throw new SystemCallError("openat2", errno());
  }
}

export const mkdirat = (directory: number, name: Name, mode: number): number =>
  checked("mkdirat", calls().mkdirat(directory, text(name), mode));

export const unlinkat = (directory: number, name: Name, isDirectory = false): number =>
  checked("unlinkat", calls().unlinkat(directory, text(name), isDirectory ? AT_REMOVEDIR : 0));

export const symlinkat = (target: Name, directory: number, name: Name): number =>
  checked("symlinkat", calls().symlinkat(text(target), directory, text(name)));

/** `mode` with the type bits; majors and minors up to 255. */
export const mknodat = (directory: number, name: Name, mode: number, major: number, minor: number): number =>
  checked("mknodat", calls().mknodat(directory, text(name), mode, BigInt(major * 256 + minor)));

/** @param target directory of the new name, unless it is the same */
export const renameat = (directory: number, from: Name, to: Name, target = directory): number =>
  checked("renameat", calls().renameat(directory, text(from), target, text(to)));

/** The bytes of the symbolic link that was opened with O_PATH and O_NOFOLLOW. */
export function linkTarget(descriptor: number): Uint8Array {
  const { bytes, address } = target;
  const length = checked("readlinkat", calls().readlinkat(descriptor, end, address as Pointer, bytes.length));
  return bytes.slice(0, length);
}

/** Where it points to. */
export const readlinkDescriptor = (descriptor: number): string => new TextDecoder().decode(linkTarget(descriptor));

/** Takes the lock of an open file for as long as it is open anywhere; false when somebody else has it. */
export function tryLock(descriptor: number): boolean {
  const LOCK_EX = 2;
  const LOCK_NB = 4;
  if (calls().flock(descriptor, LOCK_EX | LOCK_NB) === 0) return true;
  if (errno() === EAGAIN) return false;
  throw new SystemCallError("flock", errno());
}

/** Opens, uses, closes. */
export function using<T>(descriptor: number, use: (descriptor: number) => T): T {
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
