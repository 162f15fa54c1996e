/** One unification: takes groups of files that look alike, shares those that are equal, and counts. */
import { byHead } from "./classes.ts";
import { Held, Left, type Refusal } from "./held.ts";
import { unmark } from "./mark.ts";
import { isMarkedNode } from "./marked.ts";
import type { FileNode, Place } from "./root.ts";
import { Source } from "./share.ts";
import type { Staging } from "./staging.ts";

/** Milliseconds of work between two looks at signals. */
const breath = 50;

export interface RunOptions {
  /** Without it nothing is changed: what would be is counted. */
  readonly staging: Staging | undefined;
  /** Whether what is shared gets the mark that protects it. */
  readonly marks: boolean;
  /** Files stay their own and get the same blocks; nothing of that is to be protected. */
  readonly reflink?: boolean;
  /** Told of each name that was, or would be, linked. */
  readonly linked?: (place: Place) => void;
  /** Called every now and then: shows progress, throws to end. */
  readonly breathe?: (filesDone: number) => void;
}

export interface Counts {
  /** Names that now stand for a shared file and did not before. */
  linked: number;
  /** Bytes on disk that were given back. */
  freed: number;
  /** Names that were shared already. */
  already: number;
  readonly left: Record<Refusal, number>;
}

const noCounts = (): Counts => ({
  linked: 0,
  freed: 0,
  already: 0,
  left: { different: 0, busy: 0, changed: 0, refused: 0 },
});

export class Run {
  /** By the label of the tree that a file was in. */
  readonly counts = new Map<string, Counts>();
  /** What the file system refused: tree and cause, and how often. */
  readonly refusals = new Map<string, number>();
  #done = 0;
  #breathed = performance.now();

  constructor(readonly options: RunOptions) {}

  of(label: string): Counts {
    let counts = this.counts.get(label);
    if (counts === undefined) {
      counts = noCounts();
      this.counts.set(label, counts);
    }
    return counts;
  }

  /**
   * Shares what is equal to the first of the group; those that are not are tried among themselves when `regroup` says so.
   */
  async together([first, ...others]: readonly FileNode[], regroup: boolean): Promise<void> {
    if (first === undefined || others.length === 0) return;
    const rest = await this.#shareFirst(first, others, regroup);
    if (regroup) for (const alike of byHead(rest)) await this.#among(alike);
    else for (const node of rest) this.#left(node, new Left("different", ""));
  }

  async #among(group: readonly FileNode[]): Promise<void> {
    let rest = group;
    while (rest.length > 1) {
      const [first, ...others] = rest;
      if (first !== undefined) rest = await this.#shareFirst(first, others, true);
    }
  }

  /** Counts a file that is shared already, and protects it: it was linked by hand, or without marks. */
  async protect(node: FileNode): Promise<void> {
    for (const place of node.names) this.of(place.root.label).already++;
    if (!this.options.marks || this.options.staging === undefined || isMarkedNode(node)) return;
    await this.#withSource(node, [], (source) => {
      source.protect();
      node.status = source.status();
      node.marked = true;
    });
  }

  /** Does something with one file; that it had to be left is counted. */
  async attempt(node: FileNode, action: () => void): Promise<void> {
    try {
      action();
    } catch (thrown) {
      if (!(thrown instanceof Left)) throw thrown;
      this.#left(node, thrown);
    }
    if (this.#isOutOfBreath()) await this.#breathe();
  }

  /** Takes the mark from a file that nobody shares any more. */
  tidy(node: FileNode): void {
    if (this.options.staging === undefined || node.status.links !== 1 || !isMarkedNode(node)) return;
    try {
      const held = Held.open(node);
      try {
        if (held.status().links === 1) unmark(held.descriptor);
      } finally {
        held.close();
      }
    } catch (thrown) {
      if (!(thrown instanceof Left)) throw thrown;
    }
  }

  /** @returns those that are not equal to the first */
  async #shareFirst(first: FileNode, others: readonly FileNode[], regroup: boolean): Promise<readonly FileNode[]> {
    const different: FileNode[] = [];
    const opened = await this.#withSource(first, others, async (source) => {
      for (const other of others) {
        if (!this.#shareOne(source, other)) different.push(other);
        if (this.#isOutOfBreath()) await this.#breathe();
      }
    });
    if (opened) return different;
    return regroup ? others : [];
  }

  /** False when the source itself had to be left. */
  async #withSource(
    node: FileNode,
    others: readonly FileNode[],
    use: (source: Source) => Promise<void> | void,
  ): Promise<boolean> {
    let source: Source;
    try {
      source = new Source(node, this.options.marks);
    } catch (thrown) {
      if (!(thrown instanceof Left)) throw thrown;
      this.#left(node, thrown);
      return others.length === 0;
    }
    try {
      await use(source);
    } catch (thrown) {
      if (!(thrown instanceof Left)) throw thrown;
      this.#left(node, thrown);
    } finally {
      source.close();
    }
    return true;
  }

  #shareOne(source: Source, other: FileNode): boolean {
    const { staging, linked } = this.options;
    const counts = this.of(other.names[0]?.root.label ?? "");
    try {
      if (staging === undefined) {
        if (!source.equals(other)) return false;
        counts.linked += other.names.length;
        if (other.status.links === other.names.length) counts.freed += other.status.allocated;
      } else {
        const { names, freed } = this.options.reflink ? source.shareBlocks(other) : source.replace(other, staging);
        counts.linked += names;
        counts.already += other.names.length - names;
        counts.freed += freed;
      }
      if (linked !== undefined) for (const place of other.names) linked(place);
      return true;
    } catch (thrown) {
      if (!(thrown instanceof Left)) throw thrown;
      if (thrown.refusal === "different") return false;
      this.#left(other, thrown);
      return true;
    }
  }

  #left(node: FileNode, left: Left): void {
    const label = node.names[0]?.root.label ?? "";
    this.of(label).left[left.refusal]++;
    if (left.refusal !== "refused") return;
    const line = `${label}: ${left.cause}`;
    this.refusals.set(line, (this.refusals.get(line) ?? 0) + 1);
  }

  /** Counts a file, and asks whether it is time for a look at signals. */
  #isOutOfBreath(): boolean {
    this.#done++;
    return performance.now() - this.#breathed >= breath;
  }

  async #breathe(): Promise<void> {
    // Signals are only heard between two turns of the event loop.
    await new Promise<void>((go) => setImmediate(go));
    this.options.breathe?.(this.#done);
    this.#breathed = performance.now();
  }
}
