/** Switches services off by changing links in the tree, as their own tools would: nothing of the tree is run. */
import type { Tree } from "../../linux/beneath.ts";
import {
  endingScripts,
  machinesScripts,
  machinesUnits,
  uselessOpenrc,
  uselessScripts,
  uselessUnits,
} from "./service-list.ts";

/** Directories of the links of System V runlevels: Debian's and Red Hat's. */
const levelDirectories = (level: string): readonly string[] => [`etc/rc${level}.d`, `etc/rc.d/rc${level}.d`];
const unitDirectories = ["usr/lib/systemd/system", "lib/systemd/system", "etc/systemd/system"];

/** Whether a service has nothing to do in a server, by its name. */
type Useless = (name: string) => boolean;
/** Told the name of each service that was switched off. */
type Off = (name: string) => void;

/** `S20name` becomes `K80name`, so that package scripts know it was switched off; there is no K at boot. */
function switchOff(tree: Tree, directory: string, useless: Useless, off: Off): void {
  for (const link of tree.list(directory)) {
    const [, order = "", name = ""] = /^S([0-9]{2})(.+)$/.exec(link) ?? [];
    if (name === "" || !useless(name)) continue;
    off(name);
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
  return inittab.replace(/^([^#:\n]*:[^:\n]*:(?:respawn|askfirst):.*getty.*)$/gm, "#$1");
}

function mask(tree: Tree, units: readonly string[], off: Off): void {
  for (const unit of units) {
    const own = `etc/systemd/system/${unit}`;
    if (!unitDirectories.some((directory) => tree.exists(`${directory}/${unit}`))) continue;
    if (tree.type(own) !== undefined && tree.type(own) !== "link") continue;
    if (tree.target(own) !== "/dev/null") off(unit);
    tree.link(own, "/dev/null");
  }
}

/** Settings of OpenRC, by which scripts of its own and of others know that they are in such a server, and that it has a network. */
const openrcSettings = { rc_sys: "vserver", rc_provide: "loopback net" } as const;

function switchOffOpenrc(tree: Tree, useless: Useless, off: Off): void {
  const levels = "etc/runlevels";
  if (!tree.exists("sbin/openrc") && !tree.exists(levels)) return;
  for (const level of tree.list(levels)) {
    for (const name of tree.list(`${levels}/${level}`)) {
      if (!useless(name) && !uselessOpenrc.has(name) && !name.startsWith("net.")) continue;
      off(name);
      tree.remove(`${levels}/${level}/${name}`);
    }
  }
  let text = tree.readText("etc/rc.conf") ?? "";
  for (const [key, value] of Object.entries(openrcSettings)) {
    text = text.replace(new RegExp(`^${key}=.*\\n?`, "gm"), "");
    text = `${text.replace(/\n*$/, text === "" ? "" : "\n")}${key}="${value}"\n`;
  }
  tree.write("etc/rc.conf", text);
}

/**
 * @param copied the tree is a copy of a machine, whose own services would run twice
 * @returns the names of what was switched off
 */
export function disableServices(tree: Tree, copied: boolean): readonly string[] {
  const names = new Set<string>();
  const off = (name: string) => void names.add(name);
  const useless = (name: string) => uselessScripts.has(name) || (copied && machinesScripts.has(name));
  for (const level of ["S", "1", "2", "3", "4", "5"]) {
    for (const directory of levelDirectories(level)) switchOff(tree, directory, useless, off);
  }
  for (const level of ["0", "6"]) for (const directory of levelDirectories(level)) endOnlyItself(tree, directory);
  switchOffOpenrc(tree, useless, off);
  const inittab = tree.readText("etc/inittab");
  if (inittab !== undefined) tree.write("etc/inittab", withoutGettys(inittab));
  if (unitDirectories.some((directory) => tree.exists(directory))) {
    tree.makeDirectory("etc/systemd/system");
    mask(tree, copied ? [...uselessUnits, ...machinesUnits] : uselessUnits, off);
  }
  return [...names].sort();
}
