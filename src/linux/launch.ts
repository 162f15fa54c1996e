/** Where our programs in C are: the one that performs plans, and what servers get a copy of. */
import { compiled } from "./self.ts";

/**
 * Where a program may be, in the order to try. It stands with the executable, so whoever may replace the one may replace
 * the other; VSERVER_LIB names another directory for everybody but root.
 */
export function programPaths(program: "launch" | "vreboot" | "cowmgr"): string[] {
  const chosen = process.env["VSERVER_LIB"];
  if (chosen !== undefined && process.getuid?.() !== 0) return [`${chosen}/${program}`];
  if (!compiled) return [`${import.meta.dir}/../../build/${program}`];
  const directory = process.execPath.slice(0, process.execPath.lastIndexOf("/"));
  return [`${directory}/../lib/vserver/${program}`, `${directory}/${program}`];
}

export const launchPaths = (): string[] => programPaths("launch");
