/** A file that is open and still the one that was found, with nobody writing to it. */
import { closeSync } from "node:fs";
import { type Status, statusOf } from "../linux/inode.ts";
import { holdsReadLease, takeReadLease } from "../linux/lease.ts";
import { systemErrno, systemWords } from "../linux/system-error.ts";
import { type FileNode, shownPlace } from "./root.ts";

/** Why a file was left as it was. */
export type Refusal =
  | "different" // in content or attributes
  | "busy" // open for writing
  | "changed" // since it was found
  | "refused"; // by the file system

export class Left extends Error {
  constructor(
    readonly refusal: Refusal,
    override readonly cause: string,
  ) {
    super(cause);
  }
}

const EINVAL = 22;
const EXDEV = 18;
const EMLINK = 31;

/** What a failed system call means for one file; what is no such failure goes on. */
export function leftBy(thrown: unknown, place: string): Left {
  if (thrown instanceof Left) return thrown;
  const number = systemErrno(thrown);
  if (number === undefined) throw thrown;
  if (number === 2 || number === 20 || number === 40) return new Left("changed", "it has just gone");
  if (number === EXDEV) {
    return new Left("refused", "it is on another file system, or has a disk limit of its own, which takes no links");
  }
  if (number === EMLINK) return new Left("refused", `${place}: it has all the links a file can have`);
  return new Left("refused", systemWords(thrown) ?? place);
}

/** @throws Left where nobody can tell who writes */
function leased(descriptor: number): boolean {
  try {
    return takeReadLease(descriptor);
  } catch (thrown) {
    if (systemErrno(thrown) !== EINVAL) throw thrown;
    throw new Left("refused", "its file system has no leases, which tell who writes to a file");
  }
}

export class Held {
  private constructor(
    readonly node: FileNode,
    readonly descriptor: number,
  ) {}

  /** @throws Left */
  static open(node: FileNode): Held {
    const [place] = node.names;
    if (place === undefined) throw new Left("changed", "it has no name");
    let descriptor: number | undefined;
    try {
      descriptor = place.root.openFile(place);
      const held = new Held(node, descriptor);
      const now = statusOf(descriptor);
      if (now.inode !== node.status.inode || now.ctime !== node.status.ctime) {
        throw new Left("changed", `${shownPlace(place)}: it has just been changed`);
      }
      if (!leased(descriptor)) throw new Left("busy", `${shownPlace(place)}: it is open for writing`);
      return held;
    } catch (thrown) {
      if (descriptor !== undefined) closeSync(descriptor);
      throw leftBy(thrown, shownPlace(place));
    }
  }

  /**
   * Asks anew, now that nobody can open it any more by the name it had: neither is it open for writing, nor was it in the
   * meantime.
   *
   * @returns how it is now
   * @throws Left
   */
  expectQuiet(): Status {
    const now = statusOf(this.descriptor);
    const { status } = this.node;
    this.expectUntouched();
    if (!takeReadLease(this.descriptor)) throw new Left("busy", "somebody opened it for writing");
    // Whoever was held up by the lease for longer than it lasts may have come, written and gone.
    if (now.size !== status.size || now.mtime !== status.mtime)
      throw new Left("changed", "somebody has just written to it");
    return now;
  }

  status(): Status {
    return statusOf(this.descriptor);
  }

  /** Nobody has come to open it for writing, by whatever name, since it was opened here. @throws Left */
  expectUntouched(): void {
    if (!holdsReadLease(this.descriptor)) throw new Left("busy", "somebody opened it for writing");
  }

  /** The lease ends with it. */
  close(): void {
    closeSync(this.descriptor);
  }
}
