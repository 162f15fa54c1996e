/** Where the cgroup v2 hierarchy is. cgroup v1 is not supported. */
import { VserverError } from "../text/error.ts";
import { mounts } from "./mount.ts";

let root: string | undefined;

/** Mount point of the whole cgroup v2 hierarchy. @throws VserverError when none is mounted. */
export function cgroupRoot(): string {
  root ??= mounts().find((one) => one.type === "cgroup2" && one.root === "/")?.target;
  if (root !== undefined) return root;
  throw new VserverError({
    object: "cgroup",
    attempt: "find the cgroup v2 hierarchy",
    cause: "no cgroup2 file system is mounted",
    wayOut: "mount -t cgroup2 none /sys/fs/cgroup (cgroup v1 is not supported)",
    exitCode: 69,
  });
}
