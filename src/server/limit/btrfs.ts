/** Disk limits by btrfs quota groups: the tree is a subvolume; btrfs has no limit of inodes. */
import { guardProjects } from "../../context/limits.ts";
import { VserverError } from "../../text/error.ts";
import type { DiskKey, DiskKind } from "./disk-kind.ts";
import type { Obstacle, Place } from "./resource.ts";

interface Answer {
  readonly ok: boolean;
  readonly output: string;
}

function btrfs(...words: readonly string[]): Answer {
  const command = Bun.which("btrfs");
  if (command === null) return { ok: false, output: "btrfs is not installed" };
  const { exitCode, stdout, stderr } = Bun.spawnSync([command, ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
  });
  return { ok: exitCode === 0, output: exitCode === 0 ? stdout.toString() : stderr.toString().trim() };
}

interface QuotaGroup {
  readonly used: number;
  readonly most: number | undefined;
}

/** The tree's own group. Lines of `qgroup show --raw`: id, referenced, exclusive, limit of referenced … */
function groupOf({ directory }: Place): QuotaGroup | undefined {
  const shown = btrfs("qgroup", "show", "--raw", "-r", "-f", directory);
  const fields = /^\s*0\/\d+\s+(\d+)\s+\d+\s+(\d+|none)/m.exec(shown.output);
  if (!shown.ok || fields === null) return undefined;
  return { used: Number(fields[1]), most: fields[2] === "none" ? undefined : Number(fields[2]) };
}

/** A subvolume in the tree is none of the tree's group. Its root may have made it while there was no limit. */
function nested({ directory }: Place): Obstacle | undefined {
  const path = /\bpath (.*)$/m.exec(btrfs("subvolume", "list", "-o", directory).output)?.[1];
  if (path === undefined) return undefined;
  return {
    cause: `another subvolume is in ${directory}, which would have no limit: ${path}`,
    wayOut: "make a directory of it: btrfs subvolume delete removes it",
  };
}

function limit(place: Place, key: DiskKey, most: number): void {
  const done = btrfs("qgroup", "limit", Number.isFinite(most) ? String(most) : "none", place.directory);
  if (done.ok) return;
  throw new VserverError({ object: `vserver ${place.name}`, attempt: `set ${key}`, cause: done.output });
}

export const btrfsDisk: DiskKind = {
  obstacle(place, key) {
    const { directory, name } = place;
    if (key === "INODES") return { cause: "btrfs cannot limit inodes", wayOut: "leave INODES out" };
    if (!btrfs("subvolume", "show", directory).ok) {
      const wayOut = `mv ${directory} ${directory}.old && btrfs subvolume create ${directory} && cp -a --reflink ${directory}.old/. ${directory}`;
      return { cause: `${directory} is no subvolume of btrfs`, wayOut: `stop ${name} and make it one: ${wayOut}` };
    }
    if (groupOf(place) !== undefined) return nested(place);
    return { cause: `quota is off on the btrfs of ${directory}`, wayOut: `btrfs quota enable ${directory}` };
  },
  set(place, key, most) {
    // Anybody in the server may make a subvolume in this one, which would have no limit.
    if (place.xid !== null) guardProjects(place.xid);
    limit(place, key, most);
  },
  lift(place) {
    if (groupOf(place)?.most !== undefined) limit(place, "DISK", Number.POSITIVE_INFINITY);
  },
  amounts: (place, key) => (key === "INODES" ? undefined : groupOf(place)),
};
