/** One command at a time changes a server; the lock goes with the process that holds it, however it ends. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ensureRunDirectory, runDirectory } from "../../context/rundir.ts";
import { tryLock, waitForLock } from "../../linux/lock.ts";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";

/** How long a command waits for another one, in milliseconds. */
const patience = 120_000;
const lockDirectory = join(runDirectory, ".lock");

/** The file of a server's lock, or of another lock beside them, whose name begins with a dot. */
function lockFile(name: string): string {
  ensureRunDirectory();
  mkdirSync(lockDirectory, { recursive: true, mode: 0o700 });
  return join(lockDirectory, name);
}

/** Whether a command is at work on the server. */
export function isLocked(name: ServerName): boolean {
  const unlock = tryLock(lockFile(name));
  unlock?.();
  return unlock === undefined;
}

/** Of two servers that start at once, one looks what is taken when the other has written down what it takes. */
export function whileClaiming<Result>(claim: () => Result): Result {
  const letGo = waitForLock(lockFile(".claims"));
  try {
    return claim();
  } finally {
    letGo();
  }
}

/**
 * Runs `work` while nobody else changes the server, or until it calls `unlock`.
 *
 * @throws VserverError when another command keeps it too long.
 */
export async function withLock<Result>(
  name: ServerName,
  work: (unlock: () => void) => Promise<Result>,
): Promise<Result> {
  const path = lockFile(name);
  let unlock = tryLock(path);
  for (const end = Date.now() + patience; unlock === undefined; unlock = tryLock(path)) {
    if (Date.now() > end) {
      throw new VserverError({
        object: `vserver ${name}`,
        attempt: "lock the server",
        cause: "another command is working on it",
        wayOut: "wait for it, or end it",
      });
    }
    await Bun.sleep(50);
  }
  let held: (() => void) | undefined = unlock;
  const release = (): void => {
    held?.();
    held = undefined;
  };
  try {
    return await work(release);
  } finally {
    release();
  }
}
