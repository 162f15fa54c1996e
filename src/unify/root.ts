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
    closeSync(this.descriptor);
  }

  /** Opens a directory; "" is the root itself. @throws SystemCallError */
  openDirectory(path: string): number {
    return this.#open(path === "" ? "." : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }

  /** Opens a file for reading, without waiting for anybody and without changing its time of access. */
  openFile(place: Place): number {
    return this.#open(pathOf(place), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_NOATIME);
  }

  #open(path: string, flags: number): number {
    return openat2(this.descriptor, nameBytes(path), flags, within);
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
export const shownPlace = (place: Place): string => `${place.root.path}/${shownName(pathOf(place))}`;

/** A regular file and those of its names that may be linked elsewhere. */
export interface FileNode {
  /** As it was when it was last looked at: it is not touched when it has changed since. */
  status: Status;
  readonly names: Place[];
  /** Whether it has the mark; undefined while nobody has asked (marked.ts). */
  marked?: boolean;
}
