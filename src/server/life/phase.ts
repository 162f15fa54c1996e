/**
 * How far a start or stop of a server has come, written down before each part begins and kept until its last script has
 * run. Whoever has the lock and finds a server starting or stopping has found what an interrupted command has left.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runDirectory } from "../../context/rundir.ts";
import type { ServerName } from "../name.ts";
import { isPopulated } from "./cgroup.ts";
import { keep } from "./kept.ts";
import { readState } from "./state.ts";

const phases = ["starting", "up", "lent", "stopping"] as const;
/** `lent`: set up for commands alone, the last of which takes it down. Beginning with `starting` a post-stop is owed to what pre-start has done. */
export type Phase = (typeof phases)[number];

const directory = join(runDirectory, ".phase");

/** Asked by root; undefined: nothing has been begun, or the server was started by a version that kept no phases. */
export function phaseOf(name: ServerName): Phase | undefined {
  const file = join(directory, name);
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8");
  return phases.find((phase) => phase === text);
}

/** Root only; undefined: all that was begun is done. @throws VserverError when there is no room for it; the old one stands. */
export function setPhase(name: ServerName, phase: Phase | undefined): void {
  if (phase === undefined) {
    rmSync(join(directory, name), { force: true });
    return;
  }
  // A name of a server begins with no dot.
  const unfinished = join(directory, `.${name}.new`);
  keep(name, () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(unfinished, phase, { mode: 0o600 });
    renameSync(unfinished, join(directory, name));
  });
}

/** Whether a command has begun to start or stop it and not come to an end; asked by whoever has the lock. */
export function isInterrupted(name: ServerName): boolean {
  const phase = phaseOf(name);
  return phase === "starting" || phase === "stopping";
}

/** Whether there is anything to stop: processes, surroundings, or a script that has still to be called. */
export const isStanding = (name: ServerName): boolean =>
  isPopulated(name) || readState(name) !== undefined || phaseOf(name) !== undefined;
