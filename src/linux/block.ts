/** Block devices: which whole disk a file system or a device node is on. */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Mount, mounts } from "./mount.ts";

/** The numbers of a device as sysfs and cgroup files write them: `254:0`. */
export type DeviceNumber = `${number}:${number}`;

/** Splits a dev_t as stat(2) gives it. */
export const deviceNumber = (device: number): DeviceNumber =>
  `${((device >> 8) & 0xfff) | (Math.floor(device / 2 ** 32) & ~0xfff)}:${(device & 0xff) | ((device >>> 12) & 0xfff00)}`;

const inSysfs = (device: DeviceNumber): string => `/sys/dev/block/${device}`;

/** The disk a partition is on; a whole device is itself. Undefined when it is no block device. */
export function wholeDisk(device: DeviceNumber): DeviceNumber | undefined {
  const path = inSysfs(device);
  if (!existsSync(path)) return undefined;
  if (!existsSync(join(path, "partition"))) return device;
  return readFileSync(join(realpathSync(path), "..", "dev"), "utf8").trim() as DeviceNumber;
}

/** Numbers of the device node `vda` or `/dev/vda`; undefined when there is none. */
export function namedDevice(name: string): DeviceNumber | undefined {
  const about = statSync(name.startsWith("/") ? name : `/dev/${name}`, { throwIfNoEntry: false });
  return about?.isBlockDevice() ? deviceNumber(about.rdev) : undefined;
}

/** The mount that a path is on. */
export function mountOf(path: string): Mount | undefined {
  const at = realpathSync(path);
  return mounts()
    .filter(({ target }) => at === target || at.startsWith(target === "/" ? "/" : `${target}/`))
    .reduce<Mount | undefined>(
      (best, one) => (one.target.length >= (best?.target.length ?? 0) ? one : best),
      undefined,
    );
}

/** The device the file system at `path` is on, for file systems of their own numbers (btrfs) as well. */
export function deviceBelow(path: string): DeviceNumber | undefined {
  const own = deviceNumber(statSync(path).dev);
  if (!own.startsWith("0:")) return own;
  const mount = mountOf(path);
  return mount?.source.startsWith("/") ? namedDevice(mount.source) : undefined;
}

/** The name of a block device: `vda`. */
export const deviceName = (device: DeviceNumber): string => realpathSync(inSysfs(device)).split("/").at(-1) ?? device;

/** The scheduler in force on a disk: `bfq`, `none`. */
export function ioScheduler(disk: DeviceNumber): string | undefined {
  const file = join(inSysfs(disk), "queue/scheduler");
  return existsSync(file) ? /\[(\S+)\]/.exec(readFileSync(file, "utf8"))?.[1] : undefined;
}
