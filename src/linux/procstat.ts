/** What /proc/PID/stat says of a process's time and memory. */
import { readFileSync } from "node:fs";
import { libc } from "./libc.ts";

/** /proc counts time in hundredths of a second on every architecture (USER_HZ). */
export interface ProcessTimes {
  /** Hundredths of a second in user mode, with that of children waited for. */
  readonly user: number;
  /** The same in the kernel. */
  readonly system: number;
  /** Hundredths of a second after the boot. */
  readonly start: number;
  /** Bytes of address space. */
  readonly virtual: number;
  /** Bytes in memory. */
  readonly resident: number;
}

/** Numbers of the fields in proc(5), which counts from 1. */
const field = { utime: 14, stime: 15, cutime: 16, cstime: 17, starttime: 22, vsize: 23, rss: 24 } as const;

/** Reads the text of a stat file. The name of the process, which may hold anything, ends at the last parenthesis. */
export function parseStat(text: string, pageSize: number): ProcessTimes {
  const values = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const value = (name: keyof typeof field) => Number(values[field[name] - 3] ?? 0);
  return Object.freeze({
    user: value("utime") + value("cutime"),
    system: value("stime") + value("cstime"),
    start: value("starttime"),
    virtual: value("vsize"),
    resident: value("rss") * pageSize,
  });
}

/** The times of a process; undefined when it is gone. */
export function processTimes(pid: number): ProcessTimes | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"), libc().getpagesize());
  } catch {
    return undefined;
  }
}

/** Hundredths of a second since the boot. */
export function bootTime(): number {
  return Math.round(100 * Number.parseFloat(readFileSync("/proc/uptime", "latin1")));
}
