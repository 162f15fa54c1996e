/** A tree that is named on a command line: a server, or a directory when there is a slash in it. */
import { resolve } from "node:path";
import { contentRules } from "../../unify/paths.ts";
import { Root } from "../../unify/root.ts";
import { serverName } from "../name.ts";
import { openServer, openTree, type UnifyTree } from "./tree.ts";

/** All packages count. @throws VserverError */
export function openNamed(word: string): Promise<UnifyTree> {
  const rules = contentRules({ excluded: [], included: [] });
  if (!word.includes("/")) return openServer(serverName(word), () => true, rules);
  const path = resolve(word);
  return openTree(path, Root.open(path, path), () => true, rules);
}
