/** flock(2): a lock that goes with the process that holds it, however it ends. */
import { closeSync, openSync } from "node:fs";
import { libc } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Takes the lock file, made when it is not there, at once or not at all; the result lets go of it. */
export function tryLock(path: string): (() => void) | undefined {
  const descriptor = openSync(path, "a", 0o600);
  if (libc().flock(descriptor, LOCK_EX | LOCK_NB) === 0) return () => closeSync(descriptor);
  closeSync(descriptor);
  return undefined;
}

/** Waits for the lock file as long as it takes; the result lets go of it. */
export function waitForLock(path: string): () => void {
  const descriptor = openSync(path, "a", 0o600);
  libc().flock(descriptor, LOCK_EX);
  return () => closeSync(descriptor);
}
