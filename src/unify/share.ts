/**
 * Puts one file in place of another that is equal to it. At every moment each name stands for a file with the content
 * and attributes it had before; nobody who has either file open for writing loses or leaks a byte.
 */

import { nameBytes, type Status } from "../linux/inode.ts";
import { linkOpen } from "../linux/link.ts";
import { unlinkat } from "../linux/openat2.ts";
import { Content } from "../linux/same.ts";
import { unifyBlocks } from "./blocks.ts";
import { headOf } from "./classes.ts";
import { Held, Left, leftBy } from "./held.ts";
import { mark, markAndAttributes, ownAttributes, unmark } from "./mark.ts";
import { replaceName } from "./replace.ts";
import { type FileNode, type Place, shownPlace } from "./root.ts";
import { type Staging, spareName } from "./staging.ts";

export interface Shared {
  /** Names that now stand for what is shared, and did not before. */
  readonly names: number;
  /** Bytes on disk that were given back. */
  readonly freed: number;
}

/** One file that others are replaced by. */
export class Source {
  readonly #held: Held;
  /** Kept while it is compared with others: whoever came to write to it in that time shows by the lease. */
  readonly #content: Content;
  readonly #attributes: string;
  readonly #wasMarked: boolean;
  #frozen = false;
  /** Whether the mark, if it is ours, stays. */
  #shared = false;

  /**
   * @param marks whether the shared file gets the mark that protects it
   * @throws Left
   */
  constructor(
    readonly node: FileNode,
    readonly marks: boolean,
  ) {
    this.#held = Held.open(node);
    try {
      const { marked, own } = markAndAttributes(this.#held.descriptor);
      this.#wasMarked = marked;
      this.#attributes = JSON.stringify(own);
    } catch (thrown) {
      this.#held.close();
      throw leftBy(thrown, "it");
    }
    this.#content = new Content(this.#held.descriptor, node.status.size);
  }

  /** Whether `other` is equal in content and extended attributes; the rest was compared before. @throws Left */
  equals(other: FileNode): boolean {
    const held = Held.open(other);
    try {
      return this.#equals(held);
    } finally {
      held.close();
    }
  }

  #equals(other: Held): boolean {
    if (JSON.stringify(ownAttributes(other.descriptor)) !== this.#attributes) return false;
    if (this.#content.equals(other.descriptor)) return true;
    const { beginning } = this.#content;
    if (beginning !== undefined) other.node.head = headOf(beginning);
    return false;
  }

  /** Replaces all names of `other`. @throws Left when it is left as it was, or some of its names are */
  replace(other: FileNode, staging: Staging): Shared {
    const held = Held.open(other);
    let names = 0;
    let links = other.status.links;
    try {
      if (!this.#equals(held)) throw new Left("different", "it has another content");
      for (const place of other.names) {
        links = this.#replaceOne(held, place, staging);
        names++;
      }
      return { names, freed: links === 0 ? other.status.allocated : 0 };
    } finally {
      held.close();
    }
  }

  /** Gives `other` our blocks. @throws Left */
  shareBlocks(other: FileNode): Shared {
    const held = Held.open(other);
    try {
      const freed = unifyBlocks(this.#held.descriptor, held.descriptor, this.node.status.size);
      return { names: freed === undefined ? 0 : other.names.length, freed: freed ?? 0 };
    } catch (thrown) {
      throw leftBy(thrown, "it");
    } finally {
      held.close();
    }
  }

  /** @returns the links that are left of the other */
  #replaceOne(other: Held, place: Place, staging: Staging): number {
    const ours = this.node.status.inode;
    const replaced = other.node.status.inode;
    const spare = spareName(replaced, ours);
    try {
      linkOpen(this.#held.descriptor, staging.descriptor, spare);
      try {
        this.#freeze();
        const { links } = replaceName(place, { staging, spare, replaced, ours }, () => {
          this.#held.expectUntouched();
          return other.expectQuiet();
        });
        this.#shared = true;
        staging.remove(spare);
        return links - 1;
      } catch (thrown) {
        staging.giveUp(spare, [ours, replaced]);
        throw thrown;
      }
    } catch (thrown) {
      throw leftBy(thrown, shownPlace(place));
    }
  }

  /** With its second link the mark has effect, and nobody opens it for writing any more; who came before shows now. */
  #freeze(): void {
    if (this.#frozen) return;
    if (this.marks && !this.#wasMarked) mark(this.#held.descriptor);
    this.#held.expectQuiet();
    this.#frozen = true;
  }

  /** Gives it a further name, where nobody looks yet. @throws Left, and the name is not there */
  linkTo(directory: number, name: string): void {
    try {
      linkOpen(this.#held.descriptor, directory, name);
      try {
        this.#freeze();
        this.#shared = true;
      } catch (thrown) {
        unlinkat(directory, nameBytes(name));
        throw thrown;
      }
    } catch (thrown) {
      throw leftBy(thrown, name);
    }
  }

  /** Protects a file that has its links already. @throws Left while somebody writes to it */
  protect(): void {
    try {
      this.#freeze();
      this.#shared = true;
    } catch (thrown) {
      throw leftBy(thrown, "it");
    }
  }

  status(): Status {
    return this.#held.status();
  }

  /** Takes the mark away again when nothing came to share it. */
  close(): void {
    try {
      if (this.marks && !this.#wasMarked && !this.#shared) unmark(this.#held.descriptor);
    } finally {
      this.#content.forget();
      this.#held.close();
    }
  }
}
