/**
 * The receiving rsync of a transfer whose network has gone waits for minutes, then gives what it has of a file the file's
 * name: by then that may have arrived, by another one.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { systemErrno } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";

/** Milliseconds that they get to end. */
const patience = 10_000;

function unlessGone<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (thrown) {
    if (systemErrno(thrown) === undefined) throw thrown;
    return undefined;
  }
}

/** rsync works in the directory that it fills. */
const writersIn = (directory: string): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => unlessGone(() => readlinkSync(`/proc/${pid}/cwd`))?.startsWith(`${directory}/`))
    .filter((pid) => unlessGone(() => readFileSync(`/proc/${pid}/comm`, "utf8")) === "rsync\n")
    .map(Number);

/** Returns when no rsync of an earlier transfer writes below the directory. @throws VserverError when one does not end. */
export async function endStragglers(name: ServerName, directory: string): Promise<void> {
  for (const end = Date.now() + patience; ; await Bun.sleep(50)) {
    const left = writersIn(directory);
    if (left.length === 0) return;
    if (Date.now() > end) {
      const cause = `rsync of an earlier transfer does not end: ${left.join(" ")}`;
      throw new VserverError({ object: `vserver ${name}`, attempt: "receive it", cause, wayOut: "end it" });
    }
    for (const pid of left) unlessGone(() => process.kill(pid, "SIGKILL"));
  }
}
