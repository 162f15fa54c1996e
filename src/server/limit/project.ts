/** Disk limits by project quota (ext4, XFS): the tree is a project of its own, whose id its root directory keeps. */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { guardProjects } from "../../context/limits.ts";
import { runDirectory } from "../../context/rundir.ts";
import { mountOf } from "../../linux/block.ts";
import { capabilityBit } from "../../linux/capability.ts";
import { errnoNumber, SystemCallError } from "../../linux/errno.ts";
import { waitForLock } from "../../linux/lock.ts";
import type { Mount } from "../../linux/mount.ts";
import { giveTree, projectOf } from "../../linux/project.ts";
import { projectQuota, setProjectQuota } from "../../linux/quota.ts";
import { isMarked } from "../../unify/mark.ts";
import { isPopulated } from "../life/cgroup.ts";
import { capabilitiesOf, readState } from "../life/state.ts";
import type { DiskKey, DiskKind } from "./disk-kind.ts";
import type { Obstacle, Place } from "./resource.ts";

/** Ids below are left to administrators (/etc/projid). */
const firstProject = 1_000_000;

const noLimits = { space: Number.POSITIVE_INFINITY, inodes: Number.POSITIVE_INFINITY } as const;

/** The tree's project; undefined as long as it has none, or only in part. */
function treeProject(directory: string): number | undefined {
  const { id, inherited } = projectOf(directory);
  return inherited && id !== 0 ? id : undefined;
}

const isEnforced = (mount: Mount): boolean => mount.options.some((one) => one === "prjquota" || one === "pquota");

/** What makes the file system count and limit projects. */
function howTo({ type, source, target }: Mount, counts: boolean): string {
  const again = `mount -o prjquota ${source} ${target}`;
  const features = type === "ext4" && !counts ? ` && tune2fs -O project,quota -Q prjquota ${source}` : "";
  return `umount ${target}${features} && ${again} (and prjquota in /etc/fstab)`;
}

/** ext4 lets whoever has CAP_SYS_RESOURCE exceed a quota; XFS asks for none. */
function exceeds({ name }: Place, { type }: Mount): Obstacle | undefined {
  const state = readState(name);
  const may = state === undefined ? 0n : capabilitiesOf(state) >> BigInt(capabilityBit("CAP_SYS_RESOURCE") ?? 24);
  if (type !== "ext4" || (may & 1n) === 0n) return undefined;
  return {
    cause: "S_CAPS keeps CAP_SYS_RESOURCE, with which its root exceeds every quota of ext4",
    wayOut: "take CAP_SYS_RESOURCE out of S_CAPS",
    partial: true,
  };
}

function obstacle(place: Place): Obstacle | undefined {
  const mount = mountOf(place.directory);
  if (mount === undefined) return { cause: "nothing is mounted there", wayOut: "mount the servers' file system" };
  let counts = true;
  try {
    projectQuota(place.directory, firstProject);
  } catch (thrown) {
    if (!(thrown instanceof SystemCallError)) throw thrown;
    counts = false;
  }
  if (!counts || !isEnforced(mount)) {
    return {
      cause: `${mount.source} (${mount.type}) on ${mount.target} has no project quota`,
      wayOut: howTo(mount, counts),
    };
  }
  if (treeProject(place.directory) !== undefined || !isPopulated(place.name)) return exceeds(place, mount);
  return {
    cause: "its tree is not counted by itself yet, which is not begun while it changes",
    wayOut: `use --save and restart it: vserver ${place.name} restart`,
  };
}

/** Projects of the trees beside this one. */
function takenProjects(directory: string): ReadonlySet<number> {
  const root = dirname(directory);
  const trees = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return new Set(trees.map((entry) => projectOf(join(root, entry.name)).id));
}

/** An id that neither another tree nor any file has. */
function freeProject(directory: string, taken: ReadonlySet<number>): number {
  for (let id = firstProject; ; id++) {
    if (!taken.has(id) && projectQuota(directory, id).inodes === 0) return id;
  }
}

/** No link is made from one project to another, and dpkg makes one of whatever it replaces. */
function tellShared(name: string, files: number): void {
  const cause = `${files} of its files are shared with other servers, and its package manager cannot replace them now`;
  console.error(`vserver ${name}: ${cause}; vunify --undo --content ${name} makes them its own`);
}

/** Makes the tree a project. One at a time: the id is only taken when the tree's root has it. */
function ownProject({ name, directory }: Place): number {
  const present = treeProject(directory);
  if (present !== undefined) return present;
  const unlock = waitForLock(join(runDirectory, ".project"));
  try {
    const taken = takenProjects(directory);
    const id = freeProject(directory, taken);
    // Of a tree that is gone, or of nobody.
    setProjectQuota(directory, id, noLimits);
    // An interrupted run has left files with an id that no tree has. A marked file is several servers', and no disk's.
    const isFree = (now: number) => now === 0 || (now >= firstProject && !taken.has(now));
    let shared = 0;
    giveTree(directory, id, (file, now) => {
      const marked = isMarked(file);
      if (marked) shared += 1;
      return !marked && isFree(now);
    });
    if (shared > 0) tellShared(name, shared);
    return id;
  } finally {
    unlock();
  }
}

/** Undefined on a file system that has no projects, or does not count them. */
function whereCounted<Result>(ask: () => Result): Result | undefined {
  try {
    return ask();
  } catch (thrown) {
    const absent = ["ESRCH", "ENOTTY", "EOPNOTSUPP", "ENOSYS", "EINVAL"] as const;
    if (thrown instanceof SystemCallError && absent.some((one) => thrown.errno === errnoNumber(one))) return undefined;
    throw thrown;
  }
}

export const projectDisk: DiskKind = {
  obstacle,
  set(place: Place, key: DiskKey, most: number) {
    const project = ownProject(place);
    // Root of the server owns its files, and might move them to another project.
    if (place.xid !== null) guardProjects(place.xid);
    setProjectQuota(place.directory, project, key === "DISK" ? { space: most } : { inodes: most });
  },
  lift({ directory, xid }) {
    whereCounted(() => {
      const project = treeProject(directory);
      if (project === undefined) return;
      if (xid !== null) guardProjects(xid);
      // An administrator's project may have limits of his.
      if (project >= firstProject) setProjectQuota(directory, project, noLimits);
    });
  },
  amounts: ({ directory }, key) =>
    whereCounted(() => {
      const project = treeProject(directory);
      if (project === undefined) return undefined;
      const { space, mostSpace, inodes, mostInodes } = projectQuota(directory, project);
      const [used, most] = key === "DISK" ? [space, mostSpace] : [inodes, mostInodes];
      return { used, most: Number.isFinite(most) ? most : undefined };
    }),
};
