/** The C library, opened once, typed; only what no module of the runtime offers. */
import { dlopen, ptr, read } from "bun:ffi";

function open() {
  return dlopen("libc.so.6", {
    __errno_location: { args: [], returns: "ptr" },
    getpagesize: { args: [], returns: "i32" },
    strerror: { args: ["i32"], returns: "cstring" },
    memfd_create: { args: ["cstring", "u32"], returns: "i32" },
    access: { args: ["cstring", "i32"], returns: "i32" },
    open: { args: ["cstring", "i32"], returns: "i32" },
    read: { args: ["i32", "ptr", "u64"], returns: "i64" },
    readlink: { args: ["cstring", "ptr", "u64"], returns: "i64" },
    write: { args: ["i32", "ptr", "u64"], returns: "i64" },
    isatty: { args: ["i32"], returns: "i32" },
    flock: { args: ["i32", "i32"], returns: "i32" },
    mount: { args: ["cstring", "cstring", "cstring", "u64", "cstring"], returns: "i32" },
    umount2: { args: ["cstring", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
    pipe2: { args: ["ptr", "i32"], returns: "i32" },
    socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
    recvmsg: { args: ["i32", "ptr", "i32"], returns: "i64" },
    signal: { args: ["i32", "ptr"], returns: "ptr" },
    prlimit: { args: ["i32", "i32", "ptr", "ptr"], returns: "i32" },
    execv: { args: ["cstring", "ptr"], returns: "i32" },
    syscall: { args: ["i64", "i64", "i64", "i64"], returns: "i64" },
  } as const).symbols;
}

type Libc = ReturnType<typeof open>;
let opened: Libc | undefined;
let errnoAt: ReturnType<Libc["__errno_location"]> = null;

/** The functions of the C library. */
export function libc(): Libc {
  if (opened === undefined) {
    opened = open();
    errnoAt = opened.__errno_location();
  }
  return opened;
}

/** The errno of the call that failed last; ask before any other call. */
export function errno(): number {
  return errnoAt === null ? 0 : read.i32(errnoAt);
}

/** Zeroed memory whose address never changes (small typed arrays of their own may be moved). */
export function memory(size: number): {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly address: number;
} {
  const buffer = new ArrayBuffer(Math.max(size, 1));
  const bytes = new Uint8Array(buffer);
  return { view: new DataView(buffer), bytes, address: Number(ptr(bytes)) };
}
