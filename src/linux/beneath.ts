/**
 * Files of a server's tree, reached so that no symbolic link in it, however planted or swapped, leads out of it: links
 * are followed as the server itself would follow them, with its directory as the root.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { VserverError } from "../text/error.ts";
import {
  mkdirat,
  mknodat,
  type Name,
  O_CLOEXEC,
  O_PATH,
  openat2,
  readlinkDescriptor,
  renameat,
  resolve,
  symlinkat,
  unlinkat,
  using,
} from "./openat2.ts";
import { systemErrno, systemWords } from "./system-error.ts";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
const ENOENT = 2;
const EEXIST = 17;
const ENOTDIR = 20;
const inRoot = resolve.IN_ROOT | resolve.NO_MAGICLINKS;
/** Within one directory that is open already. */
const inside = resolve.BENEATH | resolve.NO_MAGICLINKS | resolve.NO_XDEV;
/** Longest file that is read, in bytes. */
const longestText = 1 << 20;

const types = [
  ["file", constants.S_IFREG],
  ["directory", constants.S_IFDIR],
  ["link", constants.S_IFLNK],
  ["character", constants.S_IFCHR],
  ["block", constants.S_IFBLK],
  ["fifo", constants.S_IFIFO],
  ["socket", constants.S_IFSOCK],
] as const;
export type FileType = (typeof types)[number][0];

const typeOf = (status: Stats): FileType | undefined =>
  types.find(([, bits]) => (status.mode & constants.S_IFMT) === bits)?.[0];

const isErrno = (thrown: unknown, ...numbers: readonly number[]): boolean => numbers.includes(systemErrno(thrown) ?? 0);

/** Opens `directory` as a root, uses it, closes it. The directory's own path is resolved as usual. */
export function beneath<T>(directory: string, use: (tree: Tree) => T): T {
  let descriptor: number;
  try {
    descriptor = openSync(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  } catch (thrown) {
    throw new VserverError({ object: directory, attempt: "open it", cause: systemWords(thrown) ?? String(thrown) });
  }
  return using(descriptor, (root) => use(new Tree(root, directory)));
}

/** Paths are relative to the tree, with or without a leading `/`. Failures are a VserverError about the file. */
export class Tree {
  constructor(
    readonly root: number,
    readonly directory: string,
  ) {}

  /** What is there, symbolic links not followed; undefined when nothing is. */
  type(path: string): FileType | undefined {
    return this.#try(path, "look at it", () =>
      this.#open(path, O_PATH | O_NOFOLLOW, (file) => typeOf(fstatSync(file))),
    );
  }

  /** Whether something is there, symbolic links followed. */
  exists(path: string): boolean {
    return this.#try(path, "look at it", () => this.#open(path, O_PATH, () => true)) ?? false;
  }

  /** Permission bits, owner, size and so on, symbolic links followed; undefined when nothing is there. */
  status(path: string): Stats | undefined {
    return this.#try(path, "look at it", () => this.#open(path, O_PATH, (file) => fstatSync(file)));
  }

  /** Where a symbolic link points to; undefined when there is none. */
  target(path: string): string | undefined {
    if (this.type(path) !== "link") return undefined;
    return this.#try(path, "read the link", () => this.#open(path, O_PATH | O_NOFOLLOW, readlinkDescriptor));
  }

  /** A regular file's text; undefined when there is none. Pipes and devices are refused, not waited for. */
  readText(path: string): string | undefined {
    return this.readBytes(path, longestText)?.toString();
  }

  /** Likewise, byte for byte and up to `longest` bytes. */
  readBytes(path: string, longest: number): Buffer | undefined {
    return this.#try(path, "read it", () =>
      this.#open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, (file) => {
        const status = fstatSync(file);
        if (!status.isFile()) throw this.#error(path, "read it", "it is not a regular file");
        if (status.size > longest) throw this.#error(path, "read it", `it is longer than ${longest} bytes`);
        const bytes = Buffer.alloc(status.size);
        return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
      }),
    );
  }

  /** The real path of a directory within the tree, a byte a character; undefined when the path leads to none. */
  realDirectory(path: string): string | undefined {
    const real = (descriptor: number) => readlinkSync(`/proc/self/fd/${descriptor}`, "buffer").toString("latin1");
    try {
      return using(openat2(this.root, Buffer.from(relative(path), "latin1"), O_PATH | O_DIRECTORY, inRoot), (found) => {
        const top = real(this.root).replace(/\/$/, "");
        const place = real(found);
        if (place === top) return "";
        return place.startsWith(`${top}/`) ? place.slice(top.length + 1) : undefined;
      });
    } catch (thrown) {
      if (systemErrno(thrown) !== undefined) return undefined;
      throw thrown;
    }
  }

  /** Names in a directory, sorted; empty when there is none. */
  list(path: string): readonly string[] {
    const names = this.#try(path, "list it", () =>
      this.#open(path, O_RDONLY | O_DIRECTORY, (directory) => readdirSync(`/proc/self/fd/${directory}`)),
    );
    return names?.sort() ?? [];
  }

  /**
   * Puts a new file with this text in place of whatever is there (a link is replaced, not followed; another name of the
   * same file keeps the old text). Its directory must exist.
   */
  write(path: string, text: string | Uint8Array, mode = 0o644): void {
    this.#within(path, "write it", (directory, name) => {
      const temporary = `.${name}.new`;
      this.#unlink(directory, temporary);
      using(openat2(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, inside, mode), (file) => {
        const bytes = typeof text === "string" ? Buffer.from(text) : text;
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
        fchmodSync(file, mode);
      });
      renameat(directory, temporary, name);
    });
  }

  /** Opens a regular file, for reading unless `flags` say otherwise, to be closed by the caller; undefined when there is none. */
  openFile(path: string, flags: number = O_RDONLY): number | undefined {
    return this.#try(path, "open it", () => {
      const file = openat2(this.root, relative(path), flags | O_NONBLOCK | O_NOCTTY, inRoot);
      if (fstatSync(file).isFile()) return file;
      closeSync(file);
      throw this.#error(path, "open it", "it is not a regular file");
    });
  }

  /** Makes a directory (and those above it, 0755) unless it is there. */
  makeDirectory(path: string, mode = 0o755): void {
    const above = parent(path);
    if (above !== "" && !this.exists(above)) this.makeDirectory(above);
    this.#within(path, "make the directory", (directory, name) => {
      try {
        mkdirat(directory, name, mode);
      } catch (thrown) {
        if (isErrno(thrown, EEXIST) && this.status(path)?.isDirectory()) return;
        throw thrown;
      }
      this.#chmod(directory, name, mode);
    });
  }

  /** Makes a symbolic link in place of whatever file or link is there. */
  link(path: string, target: string): void {
    this.#within(path, `link it to ${target}`, (directory, name) => {
      const temporary = `.${name}.new`;
      this.#unlink(directory, temporary);
      symlinkat(target, directory, temporary);
      renameat(directory, temporary, name);
    });
  }

  /** Makes a character device unless something is there. */
  characterDevice(path: string, major: number, minor: number, mode: number): void {
    this.#within(path, "make the device", (directory, name) => {
      mknodat(directory, name, constants.S_IFCHR | mode, major, minor);
      this.#chmod(directory, name, mode);
    });
  }

  /** Sets the permission bits of what is there; a symbolic link at the end is refused. */
  chmod(path: string, mode: number): void {
    this.#within(path, "set its permissions", (directory, name) => this.#chmod(directory, name, mode));
  }

  /** Renames within one directory, over whatever file is there. */
  rename(path: string, to: string): void {
    this.#within(path, `rename it to ${to}`, (directory, name) => renameat(directory, name, to));
  }

  /** Removes a file, a link, or a directory with all that is in it; mount points are refused. Nothing there is fine. */
  remove(path: string): void {
    if (relative(path) === "." || this.type(path) !== undefined) this.#within(path, "remove it", removeEntry);
  }

  /** Empties a directory, itself a link or not. */
  empty(path: string): void {
    this.#each(path, "empty it", removeEntry);
  }

  /** Removes all that is not a directory from a directory and those below it. */
  removeFiles(path: string): void {
    this.#each(path, "remove the files in it", removeFilesOf);
  }

  #each(path: string, attempt: string, action: (directory: number, name: Name) => void): void {
    this.#try(path, attempt, () =>
      this.#open(path, O_RDONLY | O_DIRECTORY, (directory) => {
        for (const name of names(directory)) action(directory, name);
      }),
    );
  }

  #open<T>(path: string, flags: number, use: (descriptor: number) => T): T {
    return using(openat2(this.root, relative(path), flags, inRoot), use);
  }

  /** Opens the directory that `path` is in: what happens to the last name follows no link. */
  #within(path: string, attempt: string, use: (directory: number, name: string) => void): void {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (name === "" || name === "." || name === "..") throw this.#error(path, attempt, "it is no name of a file");
    try {
      this.#open(parent(path), O_RDONLY | O_DIRECTORY, (directory) => use(directory, name));
    } catch (thrown) {
      throw this.#explained(path, attempt, thrown);
    }
  }

  #chmod(directory: number, name: string, mode: number): void {
    // /proc leads to the very file that is open: there is no name left to swap.
    using(openat2(directory, name, O_PATH | O_NOFOLLOW, inside), (file) => chmodSync(`/proc/self/fd/${file}`, mode));
  }

  #unlink(directory: number, name: string): void {
    try {
      unlinkat(directory, name);
    } catch (thrown) {
      if (!isErrno(thrown, ENOENT)) throw thrown;
    }
  }

  /** undefined when there is no such file. */
  #try<T>(path: string, attempt: string, use: () => T): T | undefined {
    try {
      return use();
    } catch (thrown) {
      if (isErrno(thrown, ENOENT, ENOTDIR)) return undefined;
      throw this.#explained(path, attempt, thrown);
    }
  }

  #explained(path: string, attempt: string, thrown: unknown): unknown {
    const words = systemWords(thrown);
    return words === undefined ? thrown : this.#error(path, attempt, words);
  }

  #error(path: string, attempt: string, cause: string): VserverError {
    return new VserverError({ object: join(this.directory, path), attempt, cause });
  }
}

const relative = (path: string): string => path.replace(/^\/+/, "") || ".";
const parent = (path: string): string => relative(path).split("/").slice(0, -1).join("/");

/** Names in an open directory, as the file system has them. */
export function names(directory: number): readonly Buffer[] {
  return readdirSync(`/proc/self/fd/${directory}`, { encoding: "buffer" });
}

/** Calls back with the directory `name` when it is one, else says that it is not. */
function asDirectory(directory: number, name: Name, use: (descriptor: number) => void): boolean {
  let descriptor: number;
  try {
    descriptor = openat2(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, inside);
  } catch (thrown) {
    if (isErrno(thrown, ENOTDIR, 40)) return false;
    throw thrown;
  }
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return true;
}

/** Removes what has this name in an open directory, with all that is in it; no link is followed. */
export function removeEntry(directory: number, name: Name): void {
  const isDirectory = asDirectory(directory, name, (inner) => {
    for (const one of names(inner)) removeEntry(inner, one);
  });
  unlinkat(directory, name, isDirectory);
}

function removeFilesOf(directory: number, name: Name): void {
  const isDirectory = asDirectory(directory, name, (inner) => {
    for (const one of names(inner)) removeFilesOf(inner, one);
  });
  if (!isDirectory) unlinkat(directory, name);
}
