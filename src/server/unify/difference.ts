/** How two trees differ in their packages, and in the files of those they have in common. */
import { closeSync } from "node:fs";
import { isRegular, shownName, statusOf } from "../../linux/inode.ts";
import { sameContent } from "../../linux/same.ts";
import { systemErrno } from "../../linux/system-error.ts";
import type { Place } from "../../unify/root.ts";
import { presence } from "./groups.ts";
import type { UnifyTree } from "./tree.ts";

export interface PackageDifference {
  readonly sign: "-" | "+" | "!";
  /** Name, with the architecture where a tree has several of one name. */
  readonly name: string;
  readonly reference: string | undefined;
  readonly checked: string | undefined;
}

const bySign = ["-", "+", "!"];

export function packageDifferences(reference: UnifyTree, checked: UnifyTree): readonly PackageDifference[] {
  const found: PackageDifference[] = [];
  for (const [key, one] of reference.owned.installed) {
    const is = presence(one, checked, key);
    if (is === "same") continue;
    const other = checked.owned.installed.get(key)?.version;
    found.push({ sign: is === "missing" ? "-" : "!", name: one.name, reference: one.version, checked: other });
  }
  for (const [key, one] of checked.owned.installed) {
    if (reference.owned.installed.has(key)) continue;
    found.push({ sign: "+", name: one.name, reference: undefined, checked: one.version });
  }
  const order = ({ sign, name }: PackageDifference) => `${bySign.indexOf(sign)} ${name}`;
  return found.sort((one, other) => (order(one) < order(other) ? -1 : 1));
}

const ENOENT = 2;
const ENOTDIR = 20;
/** Links on the way, and files that are no files any more. */
const ELOOP = 40;

/** undefined when it is not there, or a symbolic link. */
function open(place: Place): number | undefined {
  try {
    return place.root.openFile(place);
  } catch (thrown) {
    if ([ENOENT, ENOTDIR, ELOOP].includes(systemErrno(thrown) ?? 0)) return undefined;
    throw thrown;
  }
}

/** In the letters of `rpm --verify`: size, mode, content, user, group, time; undefined when there is no difference. */
function letters(reference: number, checked: number): string | undefined {
  const [one, other] = [statusOf(reference), statusOf(checked)];
  if (!isRegular(one)) return undefined;
  const content = isRegular(other) && one.size === other.size && sameContent(reference, checked, one.size);
  const found = [
    ["S", one.size !== other.size],
    ["M", one.mode !== other.mode],
    ["5", !content],
    [".", false],
    [".", false],
    ["U", one.uid !== other.uid],
    ["G", one.gid !== other.gid],
    ["T", one.mtime !== other.mtime],
  ] as const;
  return found.some(([, differs]) => differs)
    ? found.map(([letter, differs]) => (differs ? letter : ".")).join("")
    : undefined;
}

/** A line for each file of a package in both trees and the same version that differs: `S.5....T /usr/bin/ls`. */
export function* fileDifferences(reference: UnifyTree, checked: UnifyTree): Generator<string> {
  for (const [path, key] of reference.owned.owners) {
    const one = reference.owned.installed.get(key);
    if (one === undefined || presence(one, checked, key) !== "same") continue;
    const slash = path.lastIndexOf("/");
    const [directory, name] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
    const original = open({ root: reference.root, directory, name });
    if (original === undefined) continue;
    try {
      if (!isRegular(statusOf(original))) continue;
      const copy = open({ root: checked.root, directory, name });
      if (copy === undefined) {
        yield `missing  /${shownName(path)}`;
        continue;
      }
      try {
        const differs = letters(original, copy);
        if (differs !== undefined) yield `${differs} /${shownName(path)}`;
      } finally {
        closeSync(copy);
      }
    } finally {
      closeSync(original);
    }
  }
}
