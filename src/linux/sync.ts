/** What survives a loss of power: names, which are on disk when their directory is. */
import { closeSync, fsyncSync, openSync } from "node:fs";

/** Returns when what the directories list now is on disk. */
export function syncDirectories(paths: Iterable<string>): void {
  for (const path of new Set(paths)) {
    const descriptor = openSync(path, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}
