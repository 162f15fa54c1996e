/**
 * What tells an interrupted rename from a server that is not there: a record that is on disk before the first file moves,
 * and goes when all is done. It is a symbolic link, which is there completely or not at all.
 */
import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { syncDirectories } from "../../linux/sync.ts";
import { systemErrno } from "../../linux/system-error.ts";
import { isServerName, type ServerName } from "../name.ts";
import { renamesDirectory } from "../paths.ts";

const ENOENT = 2;
/** Where the record of a rename is. */
export const renameRecord = (from: ServerName): string => join(renamesDirectory, from);

/** Nothing when there is none. */
function unlessMissing<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (thrown) {
    if (systemErrno(thrown) === ENOENT) return undefined;
    throw thrown;
  }
}

/** The new name of a server whose rename has begun and not ended. */
export function renamingTo(from: ServerName): ServerName | undefined {
  const to = unlessMissing(() => readlinkSync(renameRecord(from)));
  return to !== undefined && isServerName(to) ? to : undefined;
}

/** Which server is getting this name. */
export function renamedFrom(to: ServerName): ServerName | undefined {
  const names = unlessMissing(() => readdirSync(renamesDirectory)) ?? [];
  return names.filter(isServerName).find((from) => renamingTo(from) === to);
}

/** Returns when a machine that loses its power now remembers it: what is moved may lie on other file systems. */
export function recordRename(from: ServerName, to: ServerName): void {
  mkdirSync(renamesDirectory, { recursive: true, mode: 0o700 });
  symlinkSync(to, renameRecord(from));
  syncDirectories([renamesDirectory]);
}

export const forgetRename = (from: ServerName): void => rmSync(renameRecord(from), { force: true });
