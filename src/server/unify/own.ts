/** What one tree has that packages do not share with another one. */
import { closeSync } from "node:fs";
import {
  eachEntry,
  inodeAttribute,
  isDirectory,
  isLink,
  isRegular,
  type Status,
  shownName,
} from "../../linux/inode.ts";
import { systemWords } from "../../linux/system-error.ts";
import { PathFilter } from "../../unify/paths.ts";
import { joined } from "../../unify/root.ts";
import { presence } from "./groups.ts";
import type { UnifyTree } from "./tree.ts";

/** All but configuration. */
const anywhere = new PathFilter({ excluded: [], included: [] });

export type Reason = "link" | "special" | "configuration" | "no package" | "other package";

export interface OwnFile {
  /** Absolute in the tree, for people. */
  readonly path: string;
  readonly reason: Reason;
}

/** undefined when it may be shared. */
function reasonFor(reference: UnifyTree, tree: UnifyTree, path: string, status: Status): Reason | undefined {
  if (isLink(status)) return "link";
  if (!isRegular(status)) return "special";
  if (tree.owned.configuration.has(path) || !anywhere.takes(path)) return "configuration";
  const key = tree.owned.owners.get(path);
  const one = key === undefined ? undefined : tree.owned.installed.get(key);
  if (key === undefined || one === undefined) return "no package";
  return reference.owned.owners.get(path) === key && presence(one, reference, key) === "same"
    ? undefined
    : "other package";
}

/** @param failed told of directories that cannot be read */
export function* ownFiles(
  reference: UnifyTree,
  tree: UnifyTree,
  failed: (path: string, cause: string) => void,
): Generator<OwnFile> {
  const { root } = tree;
  const waiting = [""];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const entries: (readonly [string, Status])[] = [];
    try {
      const descriptor = root.openDirectory(directory);
      try {
        eachEntry(descriptor, (name, status) => entries.push([joined(directory ?? "", name), status]));
      } finally {
        closeSync(descriptor);
      }
    } catch (thrown) {
      failed(`${root.path}/${shownName(directory)}`, systemWords(thrown) ?? String(thrown));
    }
    for (const [path, status] of entries.sort(([one], [other]) => (one < other ? -1 : 1))) {
      if (status.device !== root.device || (status.attributes & inodeAttribute.mountRoot) !== 0) continue;
      if (isDirectory(status)) {
        waiting.push(path);
        continue;
      }
      const reason = reasonFor(reference, tree, path, status);
      if (reason !== undefined) yield { path: `/${shownName(path)}`, reason };
    }
  }
}
