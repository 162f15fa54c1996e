/** mount(2), umount2(2) and what is mounted where, for the mount namespace of the caller. */
import { VserverError } from "../text/error.ts";
import { errnoWords } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { readText } from "./proc.ts";

export const mountFlags = {
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_NOEXEC: 8,
  MS_REMOUNT: 32,
  MS_BIND: 4096,
  MS_MOVE: 8192,
  MS_REC: 16384,
  MS_PRIVATE: 1 << 18,
  MS_SLAVE: 1 << 19,
} as const;
export const MNT_DETACH = 2;

function check(result: number, attempt: string): void {
  if (result === 0) return;
  throw new VserverError({ object: "vserver", attempt, cause: errnoWords(errno()) });
}

/** Mounts; for MS_BIND `source` is a path. @throws VserverError with the words of the errno. */
export function mount(source: string, target: string, type: string, flags: number, data = ""): void {
  check(libc().mount(source, target, type, BigInt(flags), data), `mount ${type || source} on ${target}`);
}

/** Unmounts; with MNT_DETACH it goes when its last user goes. @throws VserverError with the words of the errno. */
export function unmount(target: string, flags = 0): void {
  check(libc().umount2(target, flags), `unmount ${target}`);
}

export interface Mount {
  readonly root: string;
  readonly target: string;
  readonly type: string;
  readonly source: string;
  /** What is mounted below it appears in its copies in other namespaces too. */
  readonly shared: boolean;
  /** Options of the file system itself, not of this mount. */
  readonly options: readonly string[];
}

const unescapeOctal = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(parseInt(digits, 8)));

/** Every mount of this mount namespace, in the order they were made (proc(5), mountinfo). */
export function mounts(): readonly Mount[] {
  return readText("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const fields = line.split(" ");
      const after = fields.indexOf("-");
      return {
        root: unescapeOctal(fields[3] ?? ""),
        target: unescapeOctal(fields[4] ?? ""),
        type: fields[after + 1] ?? "",
        source: unescapeOctal(fields[after + 2] ?? ""),
        shared: fields.slice(6, after).some((field) => field.startsWith("shared:")),
        options: (fields[after + 3] ?? "").split(","),
      };
    });
}

/** The topmost mount whose mount point is exactly `target`. */
export const mountAt = (target: string): Mount | undefined => mounts().findLast((one) => one.target === target);
