/** Walks a directory tree: never out of its file system, never through a symbolic link, names byte for byte. */
import { dlopen } from "bun:ffi";
import { errnoNumber, errnoWords } from "./errno.ts";
import { errno, libc, memory } from "./libc.ts";

const O_DIRECTORY = 0o200000;
const O_NOFOLLOW = 0o400000;
const O_CLOEXEC = 0o2000000;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
/** STATX_TYPE, STATX_NLINK, STATX_SIZE and STATX_BLOCKS. */
const wantedStatus = 0x605;
/** Byte offsets in `struct statx` and `struct linux_dirent64`. */
const statxAt = { links: 16, mode: 28, size: 40, blocks: 48, deviceMajor: 136, deviceMinor: 140, end: 256 } as const;
const entryAt = { length: 16, type: 18, name: 19 } as const;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const DT_UNKNOWN = 0;
const DT_DIR = 4;
const DT_REG = 8;

export interface TreeVisitor {
  /** A regular file: its apparent size in bytes, its number of hard links, and the bytes it has on disk. */
  file(size: number, links: number, allocated: number): void;
  /** Something could not be read; the walk goes on beside it. */
  failed(path: string, cause: string): void;
}

const openCalls = () =>
  dlopen("libc.so.6", {
    openat: { args: ["i32", "u64", "i32"], returns: "i32" },
    getdents64: { args: ["i32", "u64", "u64"], returns: "i64" },
    statx: { args: ["i32", "u64", "i32", "u32", "u64"], returns: "i32" },
  } as const).symbols;

class Walk {
  readonly #calls = openCalls();
  readonly #libc = libc();
  readonly #visitor: TreeVisitor;
  /** Directory entries; between two reads also the name to open. */
  readonly #entries = memory(1 << 16);
  readonly #status = memory(statxAt.end);
  readonly #gone = errnoNumber("ENOENT");
  #device = "";

  constructor(visitor: TreeVisitor) {
    this.#visitor = visitor;
  }

  /** Opens the directory whose name is in the entries' memory; what is gone by now is not there. */
  #open(directory: number, flags: number, path: string): number | undefined {
    const descriptor = this.#calls.openat(directory, this.#entries.address, O_DIRECTORY | O_CLOEXEC | flags);
    if (descriptor >= 0) return descriptor;
    const number = errno();
    if (number !== this.#gone || flags === 0) this.#visitor.failed(path, errnoWords(number));
    return undefined;
  }

  /** Asks for the status of a file by the address of its name; false when it is gone or cannot be read. */
  #stat(directory: number, nameAt: number, flags: number, path: () => string): boolean {
    const at = this.#status.address;
    if (this.#calls.statx(directory, nameAt, flags | AT_NO_AUTOMOUNT, wantedStatus, at) === 0) return true;
    const number = errno();
    if (number !== this.#gone) this.#visitor.failed(path(), errnoWords(number));
    return false;
  }

  #deviceOfStatus(): string {
    const { view } = this.#status;
    return `${view.getUint32(statxAt.deviceMajor, true)}:${view.getUint32(statxAt.deviceMinor, true)}`;
  }

  /** Visits a file or, when it is a directory of this file system, returns true. */
  #visitOne(): boolean {
    const { view } = this.#status;
    if (this.#deviceOfStatus() !== this.#device) return false;
    const type = view.getUint16(statxAt.mode, true) & S_IFMT;
    if (type === S_IFREG) {
      this.#visitor.file(
        Number(view.getBigUint64(statxAt.size, true)),
        view.getUint32(statxAt.links, true),
        512 * Number(view.getBigUint64(statxAt.blocks, true)),
      );
    }
    return type === S_IFDIR;
  }

  /** Visits the files of an open directory and returns the names of its directories. */
  #readDirectory(descriptor: number, path: string): Uint8Array[] {
    const directories: Uint8Array[] = [];
    const { bytes, view, address } = this.#entries;
    for (;;) {
      const length = Number(this.#calls.getdents64(descriptor, address, bytes.length));
      if (length < 0) this.#visitor.failed(path, errnoWords(errno()));
      if (length <= 0) return directories;
      for (let at = 0, next: number; at < length; at = next) {
        next = at + view.getUint16(at + entryAt.length, true);
        const type = bytes[at + entryAt.type];
        if (type !== DT_DIR && type !== DT_REG && type !== DT_UNKNOWN) continue;
        const nameAt = at + entryAt.name;
        const name = bytes.subarray(nameAt, bytes.indexOf(0, nameAt));
        if (isDots(name)) continue;
        if (!this.#stat(descriptor, address + nameAt, AT_SYMLINK_NOFOLLOW, () => join(path, name))) continue;
        if (this.#visitOne()) directories.push(name.slice());
      }
    }
  }

  #setName(name: Uint8Array): void {
    this.#entries.bytes.set(name);
    this.#entries.bytes[name.length] = 0;
  }

  #visitDirectory(descriptor: number, path: string): void {
    try {
      for (const name of this.#readDirectory(descriptor, path)) {
        const below = join(path, name);
        this.#setName(name);
        const child = this.#open(descriptor, O_NOFOLLOW, below);
        if (child !== undefined) this.#visitDirectory(child, below);
      }
    } finally {
      this.#libc.close(descriptor);
    }
  }

  start(root: string): void {
    this.#setName(new TextEncoder().encode(root));
    const descriptor = this.#open(AT_FDCWD, 0, root);
    if (descriptor === undefined) return;
    this.#setName(new Uint8Array());
    if (this.#stat(descriptor, this.#entries.address, AT_EMPTY_PATH, () => root)) this.#device = this.#deviceOfStatus();
    this.#visitDirectory(descriptor, root);
  }
}

const DOT = 0x2e;
const isDots = (name: Uint8Array) => name.length <= 2 && name.every((byte) => byte === DOT);

const join = (path: string, name: Uint8Array) => `${path.replace(/\/+$/, "")}/${new TextDecoder().decode(name)}`;

/** Visits every regular file below `root`, which may itself be a symbolic link to a directory. */
export function walkTree(root: string, visitor: TreeVisitor): void {
  new Walk(visitor).start(root);
}
