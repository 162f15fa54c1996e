/** Standard output of a server's boot scripts, followed live, in memory that cannot grow and that nobody has to clean up. */
import { closeSync, ftruncateSync, readFileSync, readSync } from "node:fs";
import { check } from "../../linux/errno.ts";
import { libc } from "../../linux/libc.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
/** What is written beyond is refused to the writer with EPERM: a daemon that keeps the descriptor does no harm. */
const size = 256 * 1024;
const interval = 50;

/** What a hostile server could do to the administrator's terminal goes no further than line ends and tabs. */
export function printable(text: string): string {
  const plain = text.replace(/\r\n/g, "\n").replace(/\p{Cc}\[[0-9;?]*[A-Za-z]/gu, "");
  return plain.replace(/[^\P{Cc}\n\t]/gu, "");
}

export interface BootLog {
  /** For standard output and error of the scripts. */
  readonly descriptor: number;
  /** Prints what is left and lets go. */
  finish(): void;
}

/** Starts to follow; `print` gets whole lines, without control characters. */
export function followBoot(print: (line: string) => void): BootLog {
  const descriptor = check("memfd_create", libc().memfd_create("boot", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ftruncateSync(descriptor, size);
  check("fcntl", libc().fcntl(descriptor, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL));
  const decoder = new TextDecoder();
  let read = 0;
  let rest = "";
  const poll = (): void => {
    const written = Number(/^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8"))?.[1] ?? 0);
    if (written <= read) return;
    const bytes = new Uint8Array(written - read);
    read += readSync(descriptor, bytes, 0, bytes.length, read);
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) print(printable(line));
  };
  const timer = setInterval(poll, interval);
  return {
    descriptor,
    finish() {
      clearInterval(timer);
      poll();
      if (rest !== "") print(printable(rest));
      closeSync(descriptor);
    },
  };
}
