/** Unifies servers, or gives them private files again: everything below the command line of vunify. */
import { join } from "node:path";
import { syncFileSystem } from "../../linux/link.ts";
import { VserverError } from "../../text/error.ts";
import { isMarkedNode } from "../../unify/marked.ts";
import { contentRules, type PathRules } from "../../unify/paths.ts";
import { type FileNode, type Place, shownPlace } from "../../unify/root.ts";
import { type Counts, Run } from "../../unify/run.ts";
import type { Nodes } from "../../unify/scan.ts";
import { Staging } from "../../unify/staging.ts";
import { makePrivate } from "../../unify/undo.ts";
import { Interrupt } from "../build/interrupt.ts";
import { Progress } from "../build/progress.ts";
import type { ServerName } from "../name.ts";
import { serversRoot } from "../paths.ts";
import { contentGroups, type Group, packageGroups, presence } from "./groups.ts";
import { openServer, scanTree, type UnifyTree } from "./tree.ts";

export interface UnifyRequest {
  /** What messages are about. */
  readonly tool: string;
  /** By packages the first is the reference server. */
  readonly servers: readonly ServerName[];
  /** Names of packages, or all; without it files are compared wherever they are. */
  readonly packages: readonly string[] | "ALL" | undefined;
  /** Nothing is changed. */
  readonly test: boolean;
  readonly undo: boolean;
  /** Whether what is shared gets the mark that protects it. */
  readonly marks: boolean;
  /** Blocks are shared, not inodes. */
  readonly reflink: boolean;
  readonly rules: PathRules;
  /** Told of packages, and of each file when there is need to know. */
  readonly say: (line: string) => void;
  readonly eachFile: boolean;
  readonly complain: (line: string) => void;
}

export interface UnifyResult {
  readonly counts: ReadonlyMap<string, Counts>;
  /** Whether everything could be read and linked that should be. */
  readonly complete: boolean;
}

/** Where files are while they change places; no server reaches it. */
export const stagingDirectory = (): string => join(serversRoot(), ".unify");

const wantedKeys = (packages: UnifyRequest["packages"]) => (key: string) =>
  packages === undefined ||
  packages === "ALL" ||
  packages.includes(key) ||
  packages.includes(key.replace(/:[^:]*$/, ""));

/** @throws VserverError for a package the reference server does not have */
function expectPackages({ tool, packages }: UnifyRequest, reference: UnifyTree): void {
  if (packages === undefined || packages === "ALL") return;
  const keys = [...reference.owned.installed.keys()];
  const missing = packages.find((name) => !keys.some((key) => wantedKeys([name])(key)));
  if (missing === undefined) return;
  const cause = `${reference.name} has no such package`;
  throw new VserverError({ object: tool, attempt: `unify ${missing}`, cause, wayOut: "name ALL, or one that it has" });
}

/** What 2003 said about each package. */
function tellPackages(request: UnifyRequest, [reference, ...others]: readonly UnifyTree[]): void {
  if (reference === undefined || request.packages === undefined) return;
  const wanted = wantedKeys(request.packages);
  for (const tree of others) {
    request.say(`vservers ${tree.name}`);
    for (const [key, one] of reference.owned.installed) {
      if (!wanted(key)) continue;
      const found = presence(one, tree, key);
      if (found === "same") request.say(`Unify pkg ${one.name}-${one.version} from ${reference.name} to ${tree.name}`);
      else if (found === "missing") request.say(`${one.name} does not exist in server ${tree.name}`);
      else request.say(`${one.name} exist in server ${tree.name} not unified`);
    }
  }
}

class Unification {
  readonly #nodes: Nodes = new Map();
  readonly #progress: Progress;
  readonly #interrupt: Interrupt;
  #complete = true;

  constructor(
    readonly request: UnifyRequest,
    readonly trees: readonly UnifyTree[],
    readonly staging: Staging | undefined,
  ) {
    this.#progress = new Progress(request.tool);
    this.#interrupt = new Interrupt(request.tool, "finish", "what was linked stays linked; the next run does the rest");
  }

  async run(): Promise<UnifyResult> {
    try {
      this.#scan();
      const { eachFile, say, marks, reflink, undo } = this.request;
      const run = new Run({
        staging: this.staging,
        marks: marks && !reflink,
        reflink,
        ...(eachFile ? { linked: (place: Place) => say(shownPlace(place)) } : {}),
        breathe: (done) => this.#breathe(done),
      });
      // There are many files and few lines of ours: worth compiling at once, which the executable else puts off (Makefile).
      Bun.unsafe.setJITPolicy(1);
      if (undo) await this.#undo(run);
      else await this.#unify(run);
      for (const [line, times] of run.refusals) this.#complain(`${line} (${times} ${times === 1 ? "file" : "files"})`);
      return { counts: run.counts, complete: this.#complete };
    } finally {
      this.#progress.clear();
      this.#interrupt.stop();
    }
  }

  #complain(line: string): void {
    this.#complete = false;
    this.#progress.clear();
    this.request.complain(line);
  }

  #breathe(done: number): void {
    this.#interrupt.check();
    this.#progress.amount(done, undefined, "files");
  }

  #scan(): void {
    const byPackage = this.request.packages !== undefined;
    for (const tree of this.trees) {
      this.#progress.phase(`reading ${tree.name}`);
      scanTree(tree, this.#nodes, {
        ...(byPackage ? { takes: (path: string) => tree.owned.owners.has(path) } : {}),
        failed: (path, cause) => this.#complain(`${this.request.tool}: cannot read ${path}: ${cause}`),
        progress: (files) => this.#progress.amount(files, undefined, "files"),
      });
    }
    // A file that goes must not be on disk any better than the one that takes its place.
    if (this.staging !== undefined) syncFileSystem(this.staging.descriptor);
  }

  #groups(): Iterable<Group> {
    const [reference, ...others] = this.trees;
    const { packages, reflink } = this.request;
    if (packages === undefined || reference === undefined) return contentGroups(this.#nodes, reflink);
    return packageGroups(this.#nodes, reference, others, reflink);
  }

  async #unify(run: Run): Promise<void> {
    for (const tree of this.trees) run.of(tree.root.label);
    this.#progress.phase(this.request.reflink ? "sharing blocks" : "linking");
    for (const node of this.#nodes.values()) if (isShared(node)) await run.protect(node);
    const grouped = new Set<FileNode>();
    for (const { nodes, regroup } of this.#groups()) {
      for (const node of nodes) grouped.add(node);
      await run.together(nodes, regroup);
    }
    for (const node of this.#nodes.values()) if (!grouped.has(node)) run.tidy(node);
  }

  async #undo(run: Run): Promise<void> {
    this.#progress.phase("copying");
    for (const { root } of this.request.packages === undefined ? this.trees : this.trees.slice(1)) {
      const counts = run.of(root.label);
      for (const node of this.#nodes.values()) {
        const names = node.names.filter((place) => place.root === root);
        if (names.length === 0 || !(isShared(node) || this.#isLinkedAway(node))) continue;
        await run.attempt({ status: node.status, names }, () => this.#makePrivate(node, names, counts));
      }
    }
  }

  /** Linked without a mark, to a server that was not named, or so it may be. */
  #isLinkedAway = ({ status, names }: FileNode): boolean => !this.request.marks && status.links > names.length;

  #makePrivate(node: FileNode, names: readonly Place[], counts: Counts): void {
    counts.freed -= this.staging === undefined ? node.status.allocated : makePrivate(node, names, this.staging);
    counts.linked += names.length;
    if (this.request.eachFile) for (const place of names) this.request.say(shownPlace(place));
  }
}

/** Whether several servers have it, or one that was unified. */
const isShared = (node: FileNode): boolean =>
  node.status.links > 1 && (new Set(node.names.map((place) => place.root)).size > 1 || isMarkedNode(node));

/** @throws VserverError, and nothing is half done */
export async function unify(request: UnifyRequest): Promise<UnifyResult> {
  const trees: UnifyTree[] = [];
  let staging: Staging | undefined;
  try {
    const rules = request.packages === undefined ? contentRules(request.rules) : request.rules;
    for (const name of request.servers) trees.push(await openServer(name, wantedKeys(request.packages), rules));
    const [reference] = trees;
    if (reference !== undefined) expectPackages(request, reference);
    if (request.test || request.eachFile) tellPackages(request, trees);
    if (!request.test) staging = Staging.open(stagingDirectory(), request.complain);
    return await new Unification(request, trees, staging).run();
  } finally {
    staging?.close();
    for (const { root } of trees) root.close();
  }
}
