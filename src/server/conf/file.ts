/** The bytes of a conf file as text; what is not UTF-8 is refused rather than guessed. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { systemErrno, systemWords } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";
import { longestFile } from "./parse.ts";

const ENOENT = 2;
const EACCES = 13;

/**
 * @returns undefined when there is no such file
 * @throws VserverError when it cannot be read or is not text.
 */
export function readText(file: string): string | undefined {
  let bytes: Uint8Array | undefined;
  try {
    bytes = readRegular(file);
  } catch (thrown) {
    const errno = systemErrno(thrown);
    if (errno === ENOENT) return undefined;
    throw unreadable(file, systemWords(thrown) ?? String(thrown), errno === EACCES ? "be root" : undefined);
  }
  if (bytes === undefined) throw unreadable(file, "it is not a regular file", "a conf file holds assignments only");
  // UTF-8 needs at most four bytes for a character.
  if (bytes.length > 4 * longestFile)
    throw unreadable(file, "it is far too long", "a conf file holds assignments only");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const wayOut = `convert it: iconv -f LATIN1 -t UTF-8 ${file}`;
    throw unreadable(file, "it is not UTF-8", wayOut);
  }
}

/** Undefined for what is no file; a pipe in its place does not make us wait. */
function readRegular(file: string): Uint8Array | undefined {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) return undefined;
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function unreadable(object: string, cause: string, wayOut?: string): VserverError {
  return new VserverError({ object, attempt: "read the file", cause, ...(wayOut === undefined ? {} : { wayOut }) });
}
