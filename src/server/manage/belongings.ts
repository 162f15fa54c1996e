/** Everything on disk that belongs to one server and goes where its name goes. */
import { lstatSync } from "node:fs";
import { servedDirectory } from "../life/served.ts";
import type { ServerName } from "../name.ts";
import {
  confFile,
  hookDirectory,
  hookFile,
  libraryDirectory,
  mountTable,
  serverDirectory,
  verifyRules,
} from "../paths.ts";

/**
 * In the order they are moved and removed: the tree first, and what we remember of the server last, for there it stands
 * that another machine has it.
 */
export const belongings = (name: ServerName): readonly string[] => [
  serverDirectory(name),
  servedDirectory(name),
  mountTable(name),
  verifyRules(name),
  hookDirectory(name),
  hookFile(name),
  confFile(name),
  libraryDirectory(name),
];

/** Whether something is there, a dangling link too. */
export const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
