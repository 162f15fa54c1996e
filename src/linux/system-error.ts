/** What a failed system call said, whether our own binding or the runtime's file functions made it. */
import { errnoWords, SystemCallError } from "./errno.ts";

/** The errno, positive; undefined for what is no failure of a system call. */
export function systemErrno(thrown: unknown): number | undefined {
  if (thrown instanceof SystemCallError) return thrown.errno;
  const number = thrown instanceof Error && "errno" in thrown ? thrown.errno : undefined;
  return typeof number === "number" ? Math.abs(number) : undefined;
}

/** The errno in words: `no space left on device`; undefined likewise. */
export function systemWords(thrown: unknown): string | undefined {
  const number = systemErrno(thrown);
  return number === undefined ? undefined : errnoWords(number);
}
