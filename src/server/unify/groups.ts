/** Which files are tried together: the same path of the same package, or whatever looks alike. */
import { likeness, linkableLikeness, mayBeShared } from "../../unify/alike.ts";
import { inOrder } from "../../unify/classes.ts";
import { type FileNode, pathOf } from "../../unify/root.ts";
import type { Nodes } from "../../unify/scan.ts";
import type { Package } from "../packages/package.ts";
import type { UnifyTree } from "./tree.ts";

export interface Group {
  /** The first is the one that is kept. */
  readonly nodes: readonly FileNode[];
  /** Whether those that differ from the first may be shared among themselves. */
  readonly regroup: boolean;
}

/** By which files are alike: blocks are shared between subvolumes, inodes are not. */
const likenessFor = (reflink: boolean) => (reflink ? likeness : linkableLikeness);

export function* contentGroups(nodes: Nodes, reflink: boolean): Generator<Group> {
  const candidates = [...nodes.values()].filter(mayBeShared);
  for (const alike of Map.groupBy(candidates, likenessFor(reflink)).values()) {
    if (alike.length > 1) yield { nodes: inOrder(alike), regroup: true };
  }
}

/** How a package of the reference server is in another one. */
export type Presence = "same" | "other version" | "missing";

export function presence(one: Package, tree: UnifyTree, key: string): Presence {
  const other = tree.owned.installed.get(key);
  if (other === undefined) return "missing";
  return other.version === one.version ? "same" : "other version";
}

/** Names by server and path. */
function byPath(nodes: Nodes): ReadonlyMap<UnifyTree["root"], ReadonlyMap<string, FileNode>> {
  const found = new Map<UnifyTree["root"], Map<string, FileNode>>();
  for (const node of nodes.values()) {
    for (const place of node.names) {
      const paths = found.get(place.root) ?? new Map<string, FileNode>();
      found.set(place.root, paths.set(pathOf(place), node));
    }
  }
  return found;
}

/** For each file of the reference server the files of the same path that belong to the same package elsewhere. */
export function* packageGroups(
  nodes: Nodes,
  reference: UnifyTree,
  others: readonly UnifyTree[],
  reflink: boolean,
): Generator<Group> {
  const look = likenessFor(reflink);
  const paths = byPath(nodes);
  const groups = new Map<FileNode, Set<FileNode>>();
  for (const [path, node] of paths.get(reference.root) ?? []) {
    const key = reference.owned.owners.get(path);
    const one = key === undefined ? undefined : reference.owned.installed.get(key);
    if (key === undefined || one === undefined || !mayBeShared(node)) continue;
    for (const tree of others) {
      if (tree.owned.owners.get(path) !== key || presence(one, tree, key) !== "same") continue;
      const other = paths.get(tree.root)?.get(path);
      if (other === undefined || other === node || !mayBeShared(other)) continue;
      groups.set(node, (groups.get(node) ?? new Set()).add(other));
    }
  }
  // A file that two of the reference's could replace goes with the first.
  const taken = new Set<FileNode>();
  for (const [node, found] of groups) {
    const rest = [...found].filter((other) => !taken.has(other) && !groups.has(other) && look(other) === look(node));
    for (const other of rest) taken.add(other);
    if (rest.length > 0) yield { nodes: [node, ...rest], regroup: false };
  }
}
