/**
 * Where files are while two names change places: a directory beside the servers' trees that no server reaches. What a
 * killed command left there is removed by the next one; whatever is not known to be a spare name of a file that stands in
 * a tree is kept.
 */
import { chmodSync, closeSync, constants, mkdirSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { statusAt } from "../linux/inode.ts";
import { moveNew } from "../linux/link.ts";
import { O_CLOEXEC, tryLock, unlinkat } from "../linux/openat2.ts";
import { systemWords } from "../linux/system-error.ts";
import { VserverError } from "../text/error.ts";

/** Name of a file that is being written. */
export const unfinished = "new";

/** Both inodes that may have this name without being lost when it goes. */
export const spareName = (replaced: number, shared: number): string => `${replaced}-${shared}`;

export class Staging {
  private constructor(
    readonly path: string,
    readonly descriptor: number,
    readonly warn: (line: string) => void,
  ) {}

  /**
   * @param warn told what was kept
   * @throws VserverError when another command is at work in it
   */
  static open(path: string, warn: (line: string) => void): Staging {
    let descriptor: number;
    try {
      mkdirSync(path, { mode: 0o700, recursive: true });
      const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
      descriptor = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      chmodSync(path, 0o700);
    } catch (thrown) {
      throw new VserverError({ object: path, attempt: "use it", cause: systemWords(thrown) ?? String(thrown) });
    }
    if (!tryLock(descriptor)) {
      closeSync(descriptor);
      const cause = "another unification is at work there";
      throw new VserverError({ object: path, attempt: "use it", cause, wayOut: "wait for it, or end it" });
    }
    const staging = new Staging(path, descriptor, warn);
    staging.#clean();
    return staging;
  }

  remove(name: string): void {
    unlinkat(this.descriptor, name);
  }

  inodeOf(name: string): number | undefined {
    return statusAt(this.descriptor, name)?.inode;
  }

  /** Removes a name when it stands for one of these inodes, which have others; else it is kept. */
  giveUp(name: string, spare: readonly number[]): void {
    const inode = this.inodeOf(name);
    if (inode === undefined) return;
    if (spare.includes(inode)) this.remove(name);
    else this.keep(name);
  }

  /** Gives a file of somebody else's a name under which it stays. */
  keep(name: string): void {
    const kept = `kept-${Date.now()}-${name}`;
    moveNew(this.descriptor, name, this.descriptor, kept);
    this.warn(
      `${join(this.path, kept)}: somebody replaced a file while it was unified and this is one of the two; look at it`,
    );
  }

  close(): void {
    closeSync(this.descriptor);
  }

  #clean(): void {
    for (const name of readdirSync(this.path)) {
      if (name.startsWith("kept-")) continue;
      const owners = /^(\d+)-(\d+)$/.exec(name)?.slice(1).map(Number);
      if (name === unfinished || owners?.includes(this.inodeOf(name) ?? 0)) this.remove(name);
      else this.keep(name);
    }
  }
}
