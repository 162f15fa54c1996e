/** What a replica of a tree would be made of, found out without making it (replicate.ts). */
import { closeSync, constants } from "node:fs";
import { eachEntry, inodeAttribute, isDirectory, isLink, isRegular, type Status, typeMask } from "../linux/inode.ts";
import { systemErrno } from "../linux/system-error.ts";
import { mayBeShared } from "./alike.ts";
import { Held, Left } from "./held.ts";
import { noStats, type ReplicaOptions, type ReplicaStats } from "./replicate.ts";
import { joined, type Root } from "./root.ts";

const ENOENT = 2;

/** Whether nobody has it open for writing, and whoever shares files can tell. */
function isQuiet(node: Parameters<typeof Held.open>[0]): boolean {
  try {
    Held.open(node).close();
    return true;
  } catch (thrown) {
    if (thrown instanceof Left) return false;
    throw thrown;
  }
}

/** @param device of the place where the replica would be: only there files can be linked */
export async function foresee(
  root: Root,
  device: string,
  { nodes, leavesOut, made, breathe }: Pick<ReplicaOptions, "nodes" | "leavesOut" | "made" | "breathe">,
): Promise<ReplicaStats> {
  const stats = noStats();
  const copied = new Set<string>();
  let files = 0;

  function file(path: string, status: Status): void {
    const key = `${status.device}:${status.inode}`;
    const node = nodes.get(key);
    const isLinked = node !== undefined && device === root.device && mayBeShared(node) && isQuiet(node);
    made?.(isLinked ? "linked" : "copied", path);
    if (isLinked) stats.linked++;
    // Of a copy the further names are links.
    else if (status.links === 1 || !copied.has(key)) {
      copied.add(key);
      stats.copied++;
      stats.bytes += status.size;
    }
  }

  async function entry(path: string, status: Status): Promise<void> {
    const isMounted = status.device !== root.device || (status.attributes & inodeAttribute.mountRoot) !== 0;
    if (isDirectory(status)) return isMounted ? undefined : directory(path);
    if (status.device !== root.device || leavesOut?.(path)) return;
    if (isRegular(status)) {
      file(path, status);
      await breathe(++files);
    } else if (isLink(status)) stats.symlinks++;
    else if ((status.mode & typeMask) === constants.S_IFIFO) stats.special++;
  }

  async function directory(path: string): Promise<void> {
    const entries: (readonly [string, Status])[] = [];
    try {
      const descriptor = root.openDirectory(path);
      try {
        eachEntry(descriptor, (name, status) => entries.push([joined(path, name), status]));
      } finally {
        closeSync(descriptor);
      }
    } catch (thrown) {
      if (systemErrno(thrown) !== ENOENT) throw thrown;
      return;
    }
    stats.directories++;
    for (const [below, status] of entries) await entry(below, status);
  }

  await directory("");
  return stats;
}
