/** Has parts made that are missing, and says how it goes on a terminal. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { VserverError } from "../../src/text/error.ts";
import { cache, isMade, makePart, type Part, sweep } from "./cache.ts";
import { locked } from "./lock.ts";

/** Returns when all of `parts` are there. @throws VserverError for the first one that could not be made. */
export async function prepare(parts: readonly Part[]): Promise<void> {
  if (parts.every(isMade)) return;
  if (process.getuid?.() !== 0) {
    const cause = "only root can make a tree whose files belong to others";
    throw new VserverError({ object: "machine", attempt: "make its parts", cause, wayOut: "run it as root" });
  }
  mkdirSync(cache, { recursive: true });
  await locked(join(cache, "lock"), async () => {
    sweep();
    const missing = new Set(parts.filter((part) => !isMade(part)));
    const stop = process.stderr.isTTY ? progress(missing) : announce(missing);
    const results = await Promise.allSettled(
      [...missing].map(async (part) => {
        await makePart(part);
        missing.delete(part);
      }),
    );
    stop();
    for (const result of results) if (result.status === "rejected") throw result.reason;
  });
}

const namesOf = (parts: ReadonlySet<Part>): string => [...parts].map((part) => part.about).join(", ");

/** One line where nobody watches; minutes of silence would look like a hang. */
function announce(missing: ReadonlySet<Part>): () => void {
  if (missing.size > 0) process.stderr.write(`machine: making ${namesOf(missing)}\n`);
  return () => {};
}

/** Rewrites one line with what is still being made; the result ends it. */
function progress(missing: ReadonlySet<Part>): () => void {
  const started = Date.now();
  const tell = () => {
    const seconds = Math.round((Date.now() - started) / 1000);
    process.stderr.write(`\r\x1b[Kmachine: making ${namesOf(missing)}: ${seconds} s`);
  };
  const timer = setInterval(tell, 500);
  return () => {
    clearInterval(timer);
    process.stderr.write("\r\x1b[K");
  };
}
