/** A name in a tree gets another file in one step, as nobody's loss: not even of somebody who replaces it just then. */
import { exchange } from "../linux/link.ts";
import { Left, leftBy } from "./held.ts";
import { type Place, shownPlace } from "./root.ts";
import type { Staging } from "./staging.ts";

/** A guest that replaces the same name all the time is given up on after so many rounds. */
const mostRounds = 1000;

export interface Replacement {
  readonly staging: Staging;
  /** Name in the staging directory of what comes. */
  readonly spare: string;
  /** What goes, and what comes. */
  readonly replaced: number;
  readonly ours: number;
}

/**
 * Swaps a file in the staging directory with one in a tree; then the other one is in the staging directory. Whatever was
 * not expected there goes back.
 *
 * @param check called after that; when it throws, all is undone
 * @returns what it returned
 * @throws Left, SystemCallError
 */
export function replaceName<Result>(
  place: Place,
  { staging, spare, replaced, ours }: Replacement,
  check: () => Result,
): Result {
  const directory = place.root.directoryOf(place);
  exchange(staging.descriptor, spare, directory, place.name);
  try {
    if (staging.inodeOf(spare) !== replaced)
      throw new Left("changed", `${shownPlace(place)}: it has just been replaced`);
    return check();
  } catch (thrown) {
    putBack(staging, spare, directory, place, ours);
    throw thrown;
  }
}

/** The name may be replaced again while this goes on: the youngest file is the one that must have it in the end. */
function putBack(staging: Staging, spare: string, directory: number, place: Place, ours: number): void {
  for (let round = 0; round < mostRounds; round++) {
    try {
      exchange(staging.descriptor, spare, directory, place.name);
    } catch (thrown) {
      // Removed meanwhile: what we hold would be gone as well.
      if (leftBy(thrown, shownPlace(place)).refusal === "changed") return;
      throw thrown;
    }
    const taken = staging.inodeOf(spare);
    if (taken === ours || taken === undefined) return;
    ours = taken;
  }
}
