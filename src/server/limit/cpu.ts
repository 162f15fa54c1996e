/** Processor time: a server weighs as one against each process (or group) of the main server, whatever runs in it. */
import { unlimited } from "../conf/amounts.ts";
import type { ServerName } from "../name.ts";
import { groupCount, groupNumber, groupText, needsController, type Resource, writeGroup } from "./resource.ts";

/** Microseconds over which CPU_MAX is counted: the kernel's own default. */
const period = 100_000;

/** Processor time of all its processes since it was started, those that have ended included. */
export function processorSeconds(name: ServerName): number | undefined {
  const microseconds = groupCount(name, "cpu.stat", "usage_usec");
  return microseconds === undefined ? undefined : microseconds / 1e6;
}

export const cpuWeight: Resource<"CPU_WEIGHT"> = {
  key: "CPU_WEIGHT",
  obstacle: () => needsController("cpu"),
  set: (place, value) => writeGroup(place, "CPU_WEIGHT", value, "cpu.weight", `${value}`),
  limit: ({ name }) => groupNumber(name, "cpu.weight"),
  used: () => undefined,
  hits: () => undefined,
};

export const cpuMax: Resource<"CPU_MAX"> = {
  key: "CPU_MAX",
  obstacle: () => needsController("cpu"),
  set: (place, value) => {
    const quota = value === unlimited ? "max" : (value * period) / 100;
    writeGroup(place, "CPU_MAX", value, "cpu.max", `${quota} ${period}`);
  },
  limit: ({ name }) => {
    const [quota = "max", length = period] = groupText(name, "cpu.max")?.split(" ") ?? [];
    return quota === "max" ? undefined : Math.round((Number(quota) * 100) / Number(length));
  },
  used: () => undefined,
  hits: ({ name }) => groupCount(name, "cpu.stat", "nr_throttled"),
};

export const cpuSet: Resource<"CPUSET"> = {
  key: "CPUSET",
  obstacle: () => needsController("cpuset"),
  set: (place, value) => writeGroup(place, "CPUSET", value, "cpuset.cpus", value === "" ? "\n" : value),
  limit: ({ name }) => groupText(name, "cpuset.cpus") || undefined,
  used: () => undefined,
  hits: () => undefined,
};
