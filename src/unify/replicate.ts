/**
 * Makes a tree that is equal to another one, with hard links of the files that may be shared and copies of all others.
 * Both are walked by open directories, the new one in a place that nobody else reaches. Devices and sockets are left out.
 */
import { closeSync, constants, fchmodSync, fchownSync } from "node:fs";
import {
  eachEntry,
  inodeAttribute,
  isDirectory,
  isLink,
  isRegular,
  nameBytes,
  type Status,
  shownName,
  statusOf,
  typeMask,
} from "../linux/inode.ts";
import { linkOpen, setOwnerAndTimesAt, setTimes } from "../linux/link.ts";
import { linkTarget, mkdirat, mknodat, O_PATH, openat2, resolve, symlinkat, using } from "../linux/openat2.ts";
import { systemErrno, systemWords } from "../linux/system-error.ts";
import { attributesOf, setAttribute } from "../linux/xattr.ts";
import { VserverError } from "../text/error.ts";
import { mayBeShared } from "./alike.ts";
import { duplicate } from "./duplicate.ts";
import { Left } from "./held.ts";
import { type FileNode, joined, type Place, pathOf, type Root } from "./root.ts";
import type { Nodes } from "./scan.ts";
import { Source } from "./share.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, S_IFIFO } = constants;
const inside = resolve.BENEATH | resolve.NO_SYMLINKS | resolve.NO_MAGICLINKS | resolve.NO_XDEV;
const ENOENT = 2;

export interface ReplicaStats {
  directories: number;
  copied: number;
  /** Bytes of the copies, holes included. */
  bytes: number;
  linked: number;
  symlinks: number;
  special: number;
}

export const noStats = (): ReplicaStats => ({
  ...{ directories: 0, copied: 0, bytes: 0, linked: 0, symlinks: 0, special: 0 },
});

export interface ReplicaOptions {
  /** Files that may be linked, found by a scan of the same tree. */
  readonly nodes: Nodes;
  readonly marks: boolean;
  /** Whether a file is left out; its directory is made all the same. */
  readonly leavesOut?: (path: string) => boolean;
  /** Told of each file that was linked or copied. */
  readonly made?: (how: "linked" | "copied", path: string) => void;
  readonly breathe: (files: number) => Promise<void>;
}

function explained(root: Root, path: string, thrown: unknown): unknown {
  const cause = systemWords(thrown);
  if (cause === undefined) return thrown;
  return new VserverError({ object: `${root.path}/${shownName(path)}`, attempt: "copy it", cause });
}

export class Replica {
  readonly stats = noStats();
  /** Why files were copied that were to be linked, and how many. */
  readonly refusals = new Map<string, number>();
  /** Files with several names that were copied: path of the first in the new tree. */
  readonly #copies = new Map<string, string>();
  /** Those of the files found that are linked, decided before links are made and change what the decision rests on. */
  readonly #shared: ReadonlyMap<string, FileNode>;
  #files = 0;

  /** @param target descriptor of the new tree's root, an empty directory, opened for reading */
  constructor(
    readonly source: Root,
    readonly target: number,
    readonly options: ReplicaOptions,
  ) {
    this.#shared = new Map([...options.nodes].filter(([, node]) => mayBeShared(node)));
  }

  /** @throws VserverError, with the tree half made */
  async make(): Promise<ReplicaStats> {
    const from = this.source.openDirectory("");
    try {
      await this.#directory(from, this.target, "");
    } finally {
      closeSync(from);
    }
    return this.stats;
  }

  async #directory(from: number, to: number, path: string): Promise<void> {
    const status = statusOf(from);
    const entries: (readonly [string, Status])[] = [];
    eachEntry(from, (name, found) => entries.push([name, found]));
    for (const [name, found] of entries) {
      try {
        await this.#entry(from, to, path, name, found);
      } catch (thrown) {
        // The source may be running: what is gone by now is not copied.
        if (systemErrno(thrown) !== ENOENT) throw explained(this.source, joined(path, name), thrown);
      }
    }
    fchownSync(to, status.uid, status.gid);
    for (const [name, value] of attributesOf(from)) setAttribute(to, name, value);
    fchmodSync(to, status.mode & 0o7777);
    setTimes(to, status.atime, status.mtime);
    this.stats.directories++;
  }

  async #entry(from: number, to: number, path: string, name: string, status: Status): Promise<void> {
    const place = { root: this.source, directory: path, name };
    if (isDirectory(status)) {
      mkdirat(to, nameBytes(name), 0o700);
      const mounted = status.device !== this.source.device || (status.attributes & inodeAttribute.mountRoot) !== 0;
      if (mounted) return;
      const [below, made] = [this.#open(from, name), this.#open(to, name)];
      try {
        await this.#directory(below, made, joined(path, name));
      } finally {
        closeSync(below);
        closeSync(made);
      }
      return;
    }
    if (status.device !== this.source.device || this.options.leavesOut?.(pathOf(place))) return;
    if (isRegular(status)) {
      this.#file(place, to, status);
      await this.options.breathe(++this.#files);
    } else if (isLink(status)) {
      const target = using(openat2(from, nameBytes(name), O_PATH | O_NOFOLLOW, inside), linkTarget);
      symlinkat(target, to, nameBytes(name));
      setOwnerAndTimesAt(to, name, status);
      this.stats.symlinks++;
    } else if ((status.mode & typeMask) === S_IFIFO) {
      mknodat(to, nameBytes(name), status.mode, 0, 0);
      setOwnerAndTimesAt(to, name, status);
      this.stats.special++;
    }
  }

  #open(directory: number, name: string): number {
    return openat2(directory, nameBytes(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, inside);
  }

  #file(place: Place, to: number, status: Status): void {
    const key = `${status.device}:${status.inode}`;
    const node = this.#shared.get(key);
    if (node !== undefined) {
      try {
        this.#share(node, place.name, to);
        this.options.made?.("linked", pathOf(place));
        return;
      } catch (thrown) {
        if (!(thrown instanceof Left)) throw thrown;
        if (thrown.refusal === "refused") this.refusals.set(thrown.cause, (this.refusals.get(thrown.cause) ?? 0) + 1);
      }
    }
    this.#copy(place, to, key, status);
    this.options.made?.("copied", pathOf(place));
  }

  /** @throws Left when it must be copied */
  #share(node: FileNode, name: string, to: number): void {
    const source = new Source(node, this.options.marks);
    try {
      source.linkTo(to, name);
      // Its other names are to be linked as well.
      if (node.names.length > 1) node.status = source.status();
      this.stats.linked++;
    } finally {
      source.close();
    }
  }

  #copy(place: Place, to: number, key: string, status: Status): void {
    const first = this.#copies.get(key);
    if (first !== undefined) {
      using(openat2(this.target, nameBytes(first), O_PATH | O_NOFOLLOW, inside), (file) =>
        linkOpen(file, to, place.name),
      );
      return;
    }
    using(this.source.openFile(place), (file) => {
      if (!isRegular(statusOf(file))) return;
      const { size } = duplicate(file, to, place.name, false);
      this.stats.copied++;
      this.stats.bytes += size;
    });
    if (status.links > 1) this.#copies.set(key, pathOf(place));
  }
}
