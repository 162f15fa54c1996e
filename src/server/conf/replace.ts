/** Replaces a file of the main server's /etc completely or not at all; its owner and mode stay. */
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { systemWords } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";

/** @param file an existing file; a symbolic link stays one. @throws VserverError, and the old text stands. */
export function replaceFile(file: string, text: string): void {
  let temporary: string | undefined;
  try {
    const target = realpathSync(file);
    const { uid, gid, mode } = statSync(target);
    temporary = `${target}.${process.pid}.new`;
    writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
    chownSync(temporary, uid, gid);
    chmodSync(temporary, mode & 0o7777);
    const descriptor = openSync(temporary, "r");
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(temporary, target);
  } catch (thrown) {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    const cause = systemWords(thrown);
    if (cause === undefined) throw thrown;
    throw new VserverError({ object: file, attempt: "write it", cause });
  }
}
