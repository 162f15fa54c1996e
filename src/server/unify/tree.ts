/** A server's tree as a unification sees it: its root, what may be shared of it, and what its packages own. */
import { Tree } from "../../linux/beneath.ts";
import { PathFilter, type PathRules, rulePath } from "../../unify/paths.ts";
import { Root } from "../../unify/root.ts";
import { type Nodes, scan } from "../../unify/scan.ts";
import type { ServerName } from "../name.ts";
import { type Owned, readPackages, resolveOwned } from "../packages/owned.ts";
import { serverDirectory } from "../paths.ts";

export interface UnifyTree {
  /** The server's, or of another tree its path. */
  readonly name: string;
  readonly root: Root;
  readonly owned: Owned;
  readonly rules: PathRules;
}

/** Whether a package of that key (`libc6:amd64`) was asked for by its name or by the key. */
export type Wanted = (key: string) => boolean;

/** Directories the administrator named, where they really are in this server: /bin may be usr/bin. */
function realRules(tree: Tree, rules: PathRules): PathRules {
  const real = (paths: readonly string[]) =>
    paths.map(rulePath).flatMap((path) => [path, tree.realDirectory(path) ?? path]);
  return { excluded: real(rules.excluded), included: real(rules.included) };
}

/** @throws VserverError when there is no such server, or its packages cannot be read */
export const openServer = (name: ServerName, wanted: Wanted, rules: PathRules): Promise<UnifyTree> =>
  openTree(name, Root.open(`vserver ${name}`, serverDirectory(name)), wanted, rules);

/** Closes the root when it fails. */
export async function openTree(name: string, root: Root, wanted: Wanted, rules: PathRules): Promise<UnifyTree> {
  try {
    const tree = new Tree(root.descriptor, root.path);
    const packages = await readPackages(root.label, tree);
    return { name, root, owned: resolveOwned(tree, packages, wanted), rules: realRules(tree, rules) };
  } catch (thrown) {
    root.close();
    throw thrown;
  }
}

export interface ScanOptions {
  /** Further condition on the real path of a file. */
  readonly takes?: (path: string) => boolean;
  readonly failed: (path: string, cause: string) => void;
  readonly progress: (files: number) => void;
}

/** Adds the files of a tree that may be shared: no configuration, nothing that is excluded. */
export function scanTree(tree: UnifyTree, nodes: Nodes, options: ScanOptions): void {
  const { owned } = tree;
  const filter = new PathFilter(tree.rules);
  scan(
    tree.root,
    {
      enters: (path) => filter.enters(path),
      takes: (path) => filter.takes(path) && !owned.configuration.has(path) && (options.takes?.(path) ?? true),
      failed: (path, cause) => options.failed(`${tree.root.path}/${path}`, cause),
      progress: options.progress,
    },
    nodes,
  );
}
