/** Reads what is small and in /proc by bare system calls: the runtime's file module alone costs a millisecond to load. */
import { ptr } from "bun:ffi";
import { check } from "./errno.ts";
import { libc, memory } from "./libc.ts";

const O_RDONLY_CLOEXEC = 0o2000000;
const O_DIRECTORY = 0o200000;
const F_OK = 0;
/** Most of what is read is shorter; every page of a buffer costs a page fault. */
const chunk = 4096;
const getdents64 = { x64: 217, arm64: 61 } as const;

/** Whether the path leads to something. */
export function exists(path: string): boolean {
  return libc().access(path, F_OK) === 0;
}

/** Runs `use` with the file open, its descriptor closed again whatever happens. */
function withOpen<Result>(path: string, flags: number, use: (descriptor: number) => Result): Result {
  const descriptor = check(`open ${path}`, libc().open(path, O_RDONLY_CLOEXEC | flags));
  try {
    return use(descriptor);
  } finally {
    libc().close(descriptor);
  }
}

/**
 * The bytes of a file whose size the kernel does not know.
 *
 * @throws SystemCallError when it cannot be opened or read.
 */
export function readBytes(path: string): Uint8Array {
  return withOpen(path, 0, (descriptor) => {
    let bytes = new Uint8Array(chunk);
    for (let length = 0; ; ) {
      const rest = bytes.subarray(length);
      const got = check(`read ${path}`, libc().read(descriptor, ptr(rest), rest.length));
      if (got === 0) return bytes.subarray(0, length);
      length += got;
      if (length === bytes.length) {
        const larger = new Uint8Array(2 * length);
        larger.set(bytes);
        bytes = larger;
      }
    }
  });
}

/** The same as text. @throws SystemCallError */
export const readText = (path: string): string => new TextDecoder().decode(readBytes(path));

/** What the symbolic link says; undefined when there is none. */
export function linkTarget(path: string): string | undefined {
  const target = memory(4096);
  const length = Number(libc().readlink(path, target.bytes, target.bytes.length));
  return length < 0 ? undefined : new TextDecoder().decode(target.bytes.subarray(0, length));
}

/** The names in a directory, without `.` and `..`. @throws SystemCallError */
export function namesIn(path: string): string[] {
  return withOpen(path, O_DIRECTORY, (descriptor) => {
    const call = getdents64[process.arch === "arm64" ? "arm64" : "x64"];
    const entries = memory(chunk);
    const names: string[] = [];
    for (;;) {
      const got = check(`list ${path}`, libc().syscall(call, descriptor, entries.address, chunk));
      if (got === 0) return names.filter((name) => name !== "." && name !== "..");
      // struct linux_dirent64: inode and offset (8 bytes each), record length (2), type (1), name, NUL.
      for (let at = 0; at < got; at += entries.view.getUint16(at + 16, true)) {
        const name = entries.bytes.subarray(at + 19, entries.bytes.indexOf(0, at + 19));
        names.push(new TextDecoder().decode(name));
      }
    }
  });
}
