/** The root of a server's tree, open; its files are reached by their real paths only: no link on the way, no other file system. */
import { closeSync, constants, openSync } from "node:fs";
import { nameBytes, type Status, shownName, statusOf } from "../linux/inode.ts";
import { O_CLOEXEC, O_PATH, openat2, resolve } from "../linux/openat2.ts";
import { systemWords } from "../linux/system-error.ts";
import { VserverError } from "../text/error.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY, O_NOATIME } = constants;
const within = resolve.BENEATH | resolve.NO_SYMLINKS | resolve.NO_MAGICLINKS | resolve.NO_XDEV;

export class Root {
  /** The file system all its files are in. */
  readonly device: string;
  /** The directory that was used last, open: files are come to directory by directory. */
  #last: { readonly path: string; readonly descriptor: number } | undefined;

  private constructor(
    /** What messages call it. */
    readonly label: string,
    readonly path: string,
    readonly descriptor: number,
  ) {
    this.device = statusOf(descriptor).device;
  }

  /** @throws VserverError when there is no such directory */
  static open(label: string, path: string): Root {
    try {
      return new Root(label, path, openSync(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    } catch (thrown) {
      const cause = systemWords(thrown) ?? String(thrown);
      throw new VserverError({ object: label, attempt: `open ${path}`, cause, wayOut: "see vserver list" });
    }
  }

  close(): void {
    this.#leaveLast();
    closeSync(this.descriptor);
  }

  #leaveLast(): void {
    if (this.#last !== undefined) closeSync(this.#last.descriptor);
    this.#last = undefined;
  }

  /**
   * The directory that a file was found in, until the next is asked for; not to be closed. A server may have moved it since:
   * then it is where the file is now.
   *
   * @throws SystemCallError
   */
  directoryOf({ directory }: Place): number {
    if (this.#last?.path !== directory) {
      this.#leaveLast();
      this.#last = { path: directory, descriptor: this.openDirectory(directory) };
    }
    return this.#last.descriptor;
  }

  /** Opens a directory; "" is the root itself. @throws SystemCallError */
  openDirectory(path: string): number {
    return openat2(this.descriptor, nameBytes(path === "" ? "." : path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, within);
  }

  /** Opens a file for reading, without waiting for anybody and without changing its time of access. */
  openFile(place: Place): number {
    const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_NOATIME;
    return openat2(this.directoryOf(place), nameBytes(place.name), flags, within);
  }
}

/** Where a file is: the real path of its directory without a leading `/`, and its name there; a byte a character. */
export interface Place {
  readonly root: Root;
  readonly directory: string;
  readonly name: string;
}

export const joined = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`);
export const pathOf = (place: Place): string => joined(place.directory, place.name);
/** A path below a root, for people. */
export const shownPath = (path: string): string => `/${shownName(path)}`;
export const shownPlace = (place: Place): string => `${place.root.path}/${shownName(pathOf(place))}`;

/** A regular file and those of its names that may be linked elsewhere. */
export interface FileNode {
  /** As it was when it was last looked at: it is not touched when it has changed since. */
  status: Status;
  readonly names: Place[];
  /** Whether it has the mark; undefined while nobody has asked (marked.ts). */
  marked?: boolean;
  /** Tells its first bytes from those of others; undefined while nobody has read them (classes.ts). */
  head?: string;
}
