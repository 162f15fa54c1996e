/** Every resource that can be limited, in the order of the keys. */
import { cpuMax, cpuSet, cpuWeight } from "./cpu.ts";
import { disk, inodes } from "./disk.ts";
import { files } from "./files.ts";
import { insideLimits } from "./inside.ts";
import { ioRates, ioWeight } from "./io.ts";
import { memory, memoryHigh, swap } from "./memory.ts";
import { processes } from "./processes.ts";
import type { Place, Resource } from "./resource.ts";

/** A resource whose key is only known when the program runs: values go back to where they came from. */
export interface AnyResource extends Omit<Resource, "set" | "limit"> {
  set(place: Place, value: never): void | Promise<void>;
  limit(place: Place): unknown;
}

export const resources: readonly AnyResource[] = [
  ...[memory, memoryHigh, swap, processes, files, disk, inodes],
  ...insideLimits,
  ...[cpuWeight, cpuMax, cpuSet],
  ...[ioWeight, ...ioRates],
];
