/** Limits of a running server: what is in force and used, and changes that hold at once. */
import { VserverError } from "../../text/error.ts";
import { type LimitKey, type Limits, limitKeys, limitTable, limitWords } from "../conf/limits.ts";
import { refreshOwnProc } from "../life/ownproc.ts";
import { isSetUp, readState } from "../life/state.ts";
import type { ServerName } from "../name.ts";
import { serverDirectory } from "../paths.ts";
import { applyLimits } from "./apply.ts";
import { groupCount, type Place } from "./resource.ts";
import { resources } from "./resources.ts";

export interface LimitState {
  readonly key: LimitKey;
  /** As the conf file would say it; null = none. */
  readonly limit: string | null;
  /** The same as a number, in bytes where the key is a size; null where it is none. */
  readonly amount: number | null;
  readonly used: number | null;
  /** How often it was hit since the start; null where nobody counts. */
  readonly hits: number | null;
}

/** Where the limits of a running server are; undefined when it is not set up. */
export function placeOf(name: ServerName): Place | undefined {
  const state = readState(name);
  if (state === undefined || !isSetUp(name)) return undefined;
  return { name, directory: serverDirectory(name), xid: state.xid };
}

/** Every limit of a running server, in the order of the table. */
export function limitStates(place: Place): readonly LimitState[] {
  const byKey = new Map(resources.map((resource) => [resource.key, resource]));
  return limitKeys.flatMap((key) => {
    const resource = byKey.get(key);
    if (resource === undefined) return [];
    const value: unknown = resource.limit(place);
    return [
      {
        key,
        limit: value === undefined ? null : (limitWords(key, { [key]: value }) ?? null),
        amount: typeof value === "number" ? value : null,
        used: resource.used(place) ?? null,
        hits: resource.hits(place) ?? null,
      },
    ];
  });
}

const killed = (place: Place): number => groupCount(place.name, "memory.events", "oom_kill") ?? 0;

/**
 * Sets limits of a running server.
 *
 * @returns a line for each that is below what the server uses, with what the kernel makes of it
 * @throws VserverError; a limit that cannot be enforced here leaves all as they were.
 */
export async function changeLimits(place: Place, limits: Limits): Promise<readonly string[]> {
  const before = killed(place);
  await applyLimits(place, limits);
  refreshOwnProc(place.name, place.xid, readState(place.name)?.started ?? Date.now());
  const dead = killed(place) - before;
  const over = limitStates(place).flatMap(({ key, amount, used }) => {
    if (limits[key] === undefined || amount === null || used === null || used <= amount) return [];
    const words = (value: number) => limitTable[key].words(value as never);
    return [
      `${key}: ${words(used)} in use, over the new limit of ${words(amount)}: it gets nothing more until it uses less`,
    ];
  });
  return dead === 0 ? over : [...over, `MEMORY: ${dead} of its processes were killed to get below the new limit`];
}

/** The place of a server that must run. @throws VserverError */
export function runningPlace(name: ServerName): Place {
  const place = placeOf(name);
  if (place !== undefined) return place;
  throw new VserverError({
    object: `vserver ${name}`,
    attempt: "read its limits",
    cause: "it is not running",
    wayOut: `start it: vserver ${name} start`,
  });
}
