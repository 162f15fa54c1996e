/** Disk space and inodes of a server's tree, on a file system it shares with others, whoever owns its files. */
import { mountOf } from "../../linux/block.ts";
import { btrfsDisk } from "./btrfs.ts";
import type { DiskKey, DiskKind } from "./disk-kind.ts";
import { projectDisk } from "./project.ts";
import { needsContext, type Obstacle, type Place, type Resource } from "./resource.ts";

const kinds: Readonly<Record<string, DiskKind>> = { ext4: projectDisk, xfs: projectDisk, btrfs: btrfsDisk };

const kindOf = (place: Place): DiskKind | undefined => kinds[mountOf(place.directory)?.type ?? ""];

/** What its root could do about it. */
function unguarded(place: Place): Obstacle | undefined {
  const obstacle = needsContext(place);
  if (obstacle === undefined) return undefined;
  return { ...obstacle, cause: `${obstacle.cause}, so its root can move files out of its quota`, partial: true };
}

const diskLimit = (key: DiskKey): Resource<DiskKey> => ({
  key,
  obstacle(place) {
    const kind = kindOf(place);
    if (kind !== undefined) return kind.obstacle(place, key) ?? unguarded(place);
    const type = mountOf(place.directory)?.type ?? "unknown file system";
    return {
      cause: `${place.directory} is on ${type}, which cannot limit a directory`,
      wayOut: "keep the servers on ext4, XFS or btrfs",
    };
  },
  set: (place, value) => kindOf(place)?.set(place, key, value),
  limit: (place) => kindOf(place)?.amounts(place, key)?.most,
  used: (place) => kindOf(place)?.amounts(place, key)?.used,
  hits: () => undefined,
});

export const disk = diskLimit("DISK");
export const inodes = diskLimit("INODES");

/** What an earlier start or vlimit has set is gone afterwards; where nothing can be, nothing happens. */
export const liftDisk = (place: Place): void => kindOf(place)?.lift(place);
