/**
 * S_NICE: no process of the server, root included, gets a better priority, by whichever call.
 *
 * CAP_SYS_NICE is withheld, and what a process may then still raise is bounded by RLIMIT_NICE and RLIMIT_RTPRIO. The kernel
 * half guards these two against CAP_SYS_RESOURCE, and the I/O priority, which any process may raise.
 */
import { capabilityBit } from "../../linux/capability.ts";
import { type LimitLetter, limitResources, type ResourceLimit } from "../conf/ulimit.ts";
import { needsContext, type Obstacle, type Place } from "./resource.ts";

/** Capabilities a server with an S_NICE never has, whatever S_CAPS says. */
export const withheldBy = (nice: number | undefined): bigint =>
  nice === undefined ? 0n : 1n << BigInt(capabilityBit("CAP_SYS_NICE") ?? 23);

/** Capabilities and resource limits hold without the kernel half; nothing but it keeps the I/O priority. */
export function niceObstacle(place: Place): Obstacle | undefined {
  const obstacle = needsContext(place);
  if (obstacle === undefined) return undefined;
  return { ...obstacle, cause: `${obstacle.cause}, so nothing keeps its I/O priority`, partial: true };
}

/** A level of nice is worth a fourth: what one process of that level weighs (sched_prio_to_weight), as a cpu.weight. */
export const niceWeight = (nice: number): number => Math.min(10000, Math.max(1, Math.round(100 * 1.25 ** -nice)));

const most = (letter: LimitLetter, value: number): ResourceLimit => {
  const { name, number } = limitResources[letter];
  return { letter, resource: name, number, soft: value, hard: value };
};

/** The limits with those of priorities lowered to what S_NICE allows: a process may come back up to it, no further. */
export function clampPriority(limits: readonly ResourceLimit[], nice: number | undefined): readonly ResourceLimit[] {
  if (nice === undefined) return limits;
  // RLIMIT_NICE counts from 1 (nice 19) to 40 (nice -20).
  return [...limits.filter(({ letter }) => letter !== "e" && letter !== "r"), most("e", 20 - nice), most("r", 0)];
}
