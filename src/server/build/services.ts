/** Switches services off by changing links in the tree, as their own tools would: nothing of the tree is run. */
import type { Tree } from "../../linux/beneath.ts";
import { endingScripts, machinesScripts, machinesUnits, uselessScripts, uselessUnits } from "./service-list.ts";

/** Directories of the links of System V runlevels: Debian's and Red Hat's. */
const levelDirectories = (level: string): readonly string[] => [`etc/rc${level}.d`, `etc/rc.d/rc${level}.d`];
const unitDirectories = ["usr/lib/systemd/system", "lib/systemd/system", "etc/systemd/system"];

/** `S20name` becomes `K80name`, so that package scripts know it was switched off; there is no K at boot. */
function switchOff(tree: Tree, directory: string, useless: (name: string) => boolean): void {
  for (const link of tree.list(directory)) {
    const [, order = "", name = ""] = /^S([0-9]{2})(.+)$/.exec(link) ?? [];
    if (name === "" || !useless(name)) continue;
    if (directory.endsWith("rcS.d")) tree.remove(`${directory}/${link}`);
    else
      tree.rename(
        `${directory}/${link}`,
        `K${String(100 - Number(order))
          .padStart(2, "0")
          .slice(-2)}${name}`,
      );
  }
}

function endOnlyItself(tree: Tree, directory: string): void {
  for (const link of tree.list(directory)) {
    if (endingScripts.has(link.replace(/^[SK][0-9]{2}/, ""))) tree.remove(`${directory}/${link}`);
  }
}

/** init has no terminals to offer: the lines that start a getty become comments. */
function withoutGettys(inittab: string): string {
  return inittab.replace(/^([^#:\n]+:[^:\n]*:(?:respawn|askfirst):.*getty.*)$/gm, "#$1");
}

function mask(tree: Tree, units: readonly string[]): void {
  for (const unit of units) {
    const own = `etc/systemd/system/${unit}`;
    if (!unitDirectories.some((directory) => tree.exists(`${directory}/${unit}`))) continue;
    if (tree.type(own) === undefined || tree.type(own) === "link") tree.link(own, "/dev/null");
  }
}

/** @param copied the tree is a copy of a machine, whose own services would run twice */
export function disableServices(tree: Tree, copied: boolean): void {
  const useless = (name: string) => uselessScripts.has(name) || (copied && machinesScripts.has(name));
  for (const level of ["S", "1", "2", "3", "4", "5"]) {
    for (const directory of levelDirectories(level)) switchOff(tree, directory, useless);
  }
  for (const level of ["0", "6"]) for (const directory of levelDirectories(level)) endOnlyItself(tree, directory);
  const inittab = tree.readText("etc/inittab");
  if (inittab !== undefined) tree.write("etc/inittab", withoutGettys(inittab));
  if (!unitDirectories.some((directory) => tree.exists(directory))) return;
  tree.makeDirectory("etc/systemd/system");
  mask(tree, copied ? [...uselessUnits, ...machinesUnits] : uselessUnits);
}
