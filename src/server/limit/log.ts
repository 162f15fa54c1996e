/** Limits that were hit since they were last told: one line for each limit of each server, however often it was hit. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isSetUp, readState, states, writeStateFile } from "../life/state.ts";
import type { ServerName } from "../name.ts";
import { stateDirectory } from "../paths.ts";
import { type LimitState, limitStates, placeOf } from "./change.ts";

/** Kept with the server's state, so that it goes when the server is stopped. */
const toldFile = (name: ServerName): string => join(stateDirectory(name), "hits.json");

function toldHits(name: ServerName): Readonly<Record<string, number>> {
  const file = toldFile(name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, number>) : {};
}

const times = (number: number): string => (number === 1 ? "once" : `${number} times`);

function line(name: ServerName, { key, limit, hits }: LimitState, before: number): readonly string[] {
  const more = (hits ?? 0) - before;
  return more > 0
    ? [`vserver ${name}: ${key}: its limit ${limit ?? ""} was hit ${times(more)}`.replace("  ", " ")]
    : [];
}

/** The lines for all running servers; what they tell is not told again. */
export function newHits(): readonly string[] {
  return states().flatMap(({ name }) => {
    const place = placeOf(name);
    if (place === undefined) return [];
    const told = toldHits(name);
    const found = limitStates(place);
    const lines = found.flatMap((state) => line(name, state, told[state.key] ?? 0));
    // A server that is being stopped meanwhile must not get its directory back.
    if (lines.length > 0 && isSetUp(name) && readState(name) !== undefined) {
      const hits = Object.fromEntries(found.flatMap(({ key, hits }) => (hits === null ? [] : [[key, hits]])));
      writeStateFile(name, toldFile(name), `${JSON.stringify(hits)}\n`);
    }
    return lines;
  });
}
