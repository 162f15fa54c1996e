/** The directories every root has, and a /dev with what programs need and nothing that reaches hardware. */

import type { Tree } from "../../linux/beneath.ts";
import { VserverError } from "../../text/error.ts";

/** Numbers of Documentation/admin-guide/devices.txt. No console: 5:1 is the main server's. */
export const nodes = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
  ["ptmx", 5, 2],
] as const;

/** By name in /dev, and where they lead. */
export const descriptorLinks = [
  ["fd", "/proc/self/fd"],
  ["stdin", "fd/0"],
  ["stdout", "fd/1"],
  ["stderr", "fd/2"],
] as const;

/** Mount points, which must be directories themselves. */
const mountPoints = ["dev", "proc", "sys", "run"];
const directories = [
  ["boot", 0o755],
  ["home", 0o755],
  ["root", 0o750],
  ["tmp", 0o1777],
  ["var/tmp", 0o1777],
] as const;

/** @returns the complaint of the first device node the kernel refuses to make, or nothing */
export function makeDevices(tree: Tree): VserverError | undefined {
  for (const path of mountPoints) {
    if (tree.type(path) !== "directory") tree.remove(path);
    tree.makeDirectory(path, path === "proc" || path === "sys" ? 0o555 : 0o755);
  }
  for (const [path, mode] of directories) if (!tree.exists(path)) tree.makeDirectory(path, mode);
  tree.empty("dev");
  tree.makeDirectory("dev/pts");
  tree.makeDirectory("dev/shm", 0o1777);
  for (const [name, target] of descriptorLinks) tree.link(`dev/${name}`, target);
  try {
    for (const [name, major, minor] of nodes) tree.characterDevice(`dev/${name}`, major, minor, 0o666);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof VserverError) return thrown;
    throw thrown;
  }
}
