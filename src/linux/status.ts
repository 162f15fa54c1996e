/** The capability sets of a process, as /proc shows them. */
import { readText } from "./proc.ts";

const fields = { inheritable: "CapInh", permitted: "CapPrm", effective: "CapEff", bounding: "CapBnd" } as const;

export type CapabilitySets = Readonly<Record<keyof typeof fields, bigint>>;

/** Reads the sets out of the text of /proc/PID/status; a set it does not name is empty. */
export function parseCapabilities(status: string): CapabilitySets {
  const set = (field: string) => BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
  return Object.freeze({
    inheritable: set(fields.inheritable),
    permitted: set(fields.permitted),
    effective: set(fields.effective),
    bounding: set(fields.bounding),
  });
}

/** The sets of this process. */
export function ownCapabilities(): CapabilitySets {
  return parseCapabilities(readText("/proc/self/status"));
}
