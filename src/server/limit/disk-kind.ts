/** What a file system has to offer for limits of a server's tree. */
import type { LimitKey } from "../conf/limits.ts";
import type { Obstacle, Place } from "./resource.ts";

export type DiskKey = Extract<LimitKey, "DISK" | "INODES">;

/** How one kind of file system counts and limits a part of itself. */
export interface DiskKind {
  obstacle(place: Place, key: DiskKey): Obstacle | undefined;
  set(place: Place, key: DiskKey, most: number): void;
  /** Takes both limits away, which the file system keeps beyond a stop, and keeps files that count where they count. */
  lift(place: Place): void;
  /** Undefined while the tree is not counted by itself. */
  amounts(place: Place, key: DiskKey): { readonly used: number; readonly most: number | undefined } | undefined;
}
