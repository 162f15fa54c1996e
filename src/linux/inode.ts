/** What inodes are and what is in directories, by open directories: no path is resolved, no link followed, names byte for byte. */
import { dlopen } from "bun:ffi";
import { errnoNumber, SystemCallError } from "./errno.ts";
import { errno, libc, memory } from "./libc.ts";

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
/** Byte offsets in `struct statx` (linux/stat.h) and `struct linux_dirent64`. */
const statxAt = {
  ...{ attributes: 8, links: 16, uid: 20, gid: 24, mode: 28, inode: 32, size: 40, blocks: 48 },
  ...{ atime: 64, ctime: 96, mtime: 112, deviceMajor: 136, deviceMinor: 140, end: 256 },
} as const;
const entryAt = { length: 16, kind: 18, name: 19 } as const;
const nanoseconds = 8;

/** `stx_attributes` (linux/stat.h). */
export const inodeAttribute = {
  immutable: 0x10,
  append: 0x20,
  nodump: 0x40,
  encrypted: 0x800,
  mountRoot: 0x2000,
  verity: 0x100000,
} as const;

export interface Status {
  /** With the type bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: number;
  readonly device: string;
  readonly links: number;
  /** Bytes, holes included, and bytes on disk. */
  readonly size: number;
  readonly allocated: number;
  /** Seconds and nanoseconds, to be compared. */
  readonly atime: string;
  readonly mtime: string;
  readonly ctime: string;
  /** Bits of {@link inodeAttribute}. */
  readonly attributes: number;
}

export const typeMask = 0o170000;
export const isRegular = (status: Status): boolean => (status.mode & typeMask) === 0o100000;
export const isDirectory = (status: Status): boolean => (status.mode & typeMask) === 0o040000;
export const isLink = (status: Status): boolean => (status.mode & typeMask) === 0o120000;

/** A name as bytes; in strings of ours each character is one byte. */
export const nameBytes = (name: string): Uint8Array => Buffer.from(name, "latin1");
/** For people: bytes that are not UTF-8 are shown as such. */
export const shownName = (name: string): string => Buffer.from(name, "latin1").toString();

function open() {
  return dlopen("libc.so.6", {
    getdents64: { args: ["i32", "u64", "u64"], returns: "i32" },
    statx: { args: ["i32", "u64", "i32", "u32", "u64"], returns: "i32" },
  } as const).symbols;
}
let opened: ReturnType<typeof open> | undefined;
function calls(): ReturnType<typeof open> {
  libc();
  opened ??= open();
  return opened;
}

const status = memory(statxAt.end);
const name = memory(4097);
const entriesSize = 1 << 16;

/** 64 bits as a number that is exact up to 2 to the power of 53, without the detour of a bigint. */
const wide = (at: number): number => status.view.getInt32(at + 4, true) * 2 ** 32 + status.view.getUint32(at, true);

const word = (at: number): number => status.view.getUint32(at, true);

/** The name of the device that was met last: mostly it is the next one's. */
const device = { major: -1, minor: -1, name: "" };

function deviceName(major: number, minor: number): string {
  if (major !== device.major || minor !== device.minor)
    Object.assign(device, { major, minor, name: `${major}:${minor}` });
  return device.name;
}

/** What was found in {@link status}. The words of times are made for those who ask for them: there are many files. */
class Found implements Status {
  readonly mode = status.view.getUint16(statxAt.mode, true);
  readonly uid = word(statxAt.uid);
  readonly gid = word(statxAt.gid);
  readonly inode = wide(statxAt.inode);
  readonly device = deviceName(word(statxAt.deviceMajor), word(statxAt.deviceMinor));
  readonly links = word(statxAt.links);
  readonly size = wide(statxAt.size);
  readonly allocated = 512 * wide(statxAt.blocks);
  readonly attributes = word(statxAt.attributes);
  readonly #atime = wide(statxAt.atime);
  readonly #atimeNanoseconds = word(statxAt.atime + nanoseconds);
  readonly #mtime = wide(statxAt.mtime);
  readonly #mtimeNanoseconds = word(statxAt.mtime + nanoseconds);
  readonly #ctime = wide(statxAt.ctime);
  readonly #ctimeNanoseconds = word(statxAt.ctime + nanoseconds);

  get atime(): string {
    return `${this.#atime}.${this.#atimeNanoseconds}`;
  }
  get mtime(): string {
    return `${this.#mtime}.${this.#mtimeNanoseconds}`;
  }
  get ctime(): string {
    return `${this.#ctime}.${this.#ctimeNanoseconds}`;
  }
}

function ask(directory: number, nameAt: number, flags: number): Status | undefined {
  const result = calls().statx(directory, nameAt, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, status.address);
  if (result === 0) return new Found();
  const number = errno();
  if (number === errnoNumber("ENOENT")) return undefined;
  throw new SystemCallError("statx", number);
}

/** The status of what is open. */
export function statusOf(descriptor: number): Status {
  name.bytes[0] = 0;
  const found = ask(descriptor, name.address, AT_EMPTY_PATH);
  if (found === undefined) throw new SystemCallError("statx", errnoNumber("ENOENT"));
  return found;
}

/** The status of a name in a directory, a link not followed; undefined when it is gone. */
export function statusAt(directory: number, file: string): Status | undefined {
  const bytes = nameBytes(file);
  if (bytes.length > 4096) throw new SystemCallError("statx", errnoNumber("ENAMETOOLONG"));
  name.bytes.set(bytes);
  name.bytes[bytes.length] = 0;
  return ask(directory, name.address, AT_SYMLINK_NOFOLLOW);
}

/** Buffers for entries that nobody uses at the moment: to make one for each directory costs more than to read it. */
const spareBuffers: ReturnType<typeof memory>[] = [];

/** What a directory says of the kind of an entry (`d_type`): less than its status, and not on every file system. */
export const entryKind = { unknown: 0, directory: 4, regular: 8 } as const;

/** Calls back with each entry of an open directory, its kind, and a way to ask for its status: undefined when it is gone. */
export function eachName(
  directory: number,
  use: (name: string, kind: number, ask: () => Status | undefined) => void,
): void {
  const buffer = spareBuffers.pop() ?? memory(entriesSize);
  try {
    readEntries(directory, buffer, use);
  } finally {
    spareBuffers.push(buffer);
  }
}

/** Calls back with each entry of an open directory; what is gone by the time it is asked about is left out. */
export function eachEntry(directory: number, use: (name: string, status: Status) => void): void {
  eachName(directory, (name, _, ask) => {
    const found = ask();
    if (found !== undefined) use(name, found);
  });
}

function readEntries(
  directory: number,
  { bytes, view, address }: ReturnType<typeof memory>,
  use: (name: string, kind: number, ask: () => Status | undefined) => void,
): void {
  let nameAt = 0;
  const status = () => ask(directory, address + nameAt, AT_SYMLINK_NOFOLLOW);
  const text = Buffer.from(bytes.buffer);
  for (;;) {
    const length = calls().getdents64(directory, address, entriesSize);
    if (length < 0) throw new SystemCallError("getdents64", errno());
    if (length === 0) return;
    for (let at = 0; at < length; at += view.getUint16(at + entryAt.length, true)) {
      nameAt = at + entryAt.name;
      const entry = text.toString("latin1", nameAt, bytes.indexOf(0, nameAt));
      if (entry === "." || entry === "..") continue;
      use(entry, bytes[at + entryAt.kind] ?? entryKind.unknown, status);
    }
  }
}
