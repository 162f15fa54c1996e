/** Trees of servers made for a test, what is in them, and a unification of them as vunify does it. */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { using } from "../linux/openat2.ts";
import { linkableLikeness, mayBeShared } from "./alike.ts";
import { inOrder } from "./classes.ts";
import { isMarked, ownAttributes } from "./mark.ts";
import { contentRules, PathFilter } from "./paths.ts";
import { Root } from "./root.ts";
import { Run } from "./run.ts";
import { type Nodes, scan } from "./scan.ts";
import { Staging } from "./staging.ts";
import { makePrivate } from "./undo.ts";

export interface FileLook {
  readonly content?: string;
  readonly mode?: number;
  readonly uid?: number;
  /** Seconds since 1970. */
  readonly mtime?: number;
}

/** Makes a file; alike unless said otherwise. */
export function put(top: string, path: string, look: FileLook = {}): string {
  const file = join(top, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, look.content ?? "the same");
  chownSync(file, look.uid ?? 0, 0);
  chmodSync(file, look.mode ?? 0o644);
  utimesSync(file, 1, look.mtime ?? 1e9);
  return file;
}

/** Path, kind, owner, permissions, times, size, content and own extended attributes of everything below. */
export function look(top: string): readonly string[] {
  return readdirSync(top, { recursive: true, encoding: "utf8" })
    .sort()
    .map((path) => {
      const status = lstatSync(join(top, path), { bigint: true });
      const mode = Number(status.mode).toString(8);
      if (!status.isFile()) return `${path} ${mode} ${status.uid}`;
      const hash = Bun.hash(readFileSync(join(top, path)));
      const attributes = JSON.stringify(using(openSync(join(top, path), "r"), ownAttributes));
      return `${path} ${mode} ${status.uid} ${status.gid} ${status.mtimeNs} ${status.size} ${hash} ${attributes}`;
    });
}

export const sameFile = (one: string, other: string): boolean => lstatSync(one).ino === lstatSync(other).ino;
export const marked = (file: string): boolean => using(openSync(file, "r"), isMarked);

/** @param report told that the linking begins */
export async function unifyTrees(stagingPath: string, tops: readonly string[], report = () => {}): Promise<Run> {
  const staging = Staging.open(stagingPath, (line) => warnings.push(line));
  const roots = tops.map((top) => Root.open(top, top));
  try {
    const nodes: Nodes = new Map();
    const filter = new PathFilter(contentRules({ excluded: [], included: [] }));
    const failed = (path: string, cause: string) => warnings.push(`${path}: ${cause}`);
    const enters = (path: string) => filter.enters(path);
    for (const root of roots) scan(root, { enters, takes: (path) => filter.takes(path), failed }, nodes);
    const run = new Run({ staging, marks: true });
    const alike = Map.groupBy([...nodes.values()].filter(mayBeShared), linkableLikeness);
    report();
    for (const group of alike.values()) await run.together(inOrder(group), true);
    return run;
  } finally {
    for (const root of roots) root.close();
    staging.close();
  }
}
/** What the last unifications warned of. */
export const warnings: string[] = [];

/** Gives each tree its own files again. */
export function partTrees(stagingPath: string, tops: readonly string[], report = () => {}): void {
  const staging = Staging.open(stagingPath, (line) => warnings.push(line));
  const failed = (path: string, cause: string) => warnings.push(`${path}: ${cause}`);
  report();
  for (const top of tops) {
    const root = Root.open(top, top);
    const nodes: Nodes = new Map();
    scan(root, { enters: () => true, takes: () => true, failed }, nodes);
    for (const node of nodes.values()) makePrivate(node, node.names, staging);
    root.close();
  }
  staging.close();
}

if (import.meta.main) {
  const [action, staging = "", ...tops] = process.argv.slice(2);
  const report = () => console.log("begun");
  if (action === "part") partTrees(staging, tops, report);
  else await unifyTrees(staging, tops, report);
}
