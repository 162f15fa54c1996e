/** Copies the content of open files: shares extents where the file system can, keeps holes where it cannot. */
import { dlopen, type Pointer } from "bun:ffi";
import { ftruncateSync, readSync, writeSync } from "node:fs";
import { errnoNumber, SystemCallError } from "./errno.ts";
import { errno, libc, memory } from "./libc.ts";

const FICLONE = 0x40049409;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const blockSize = 1 << 18;

function open() {
  return dlopen("libc.so.6", {
    ioctl: { args: ["i32", "u64", "u64"], returns: "i32" },
    lseek: { args: ["i32", "i64", "i32"], returns: "i64" },
    copy_file_range: { args: ["i32", "ptr", "i32", "ptr", "u64", "u32"], returns: "i64" },
  } as const).symbols;
}
let opened: ReturnType<typeof open> | undefined;
function calls(): ReturnType<typeof open> {
  libc();
  opened ??= open();
  return opened;
}

const offsets = memory(16);
const block = Buffer.alloc(blockSize);
/** What kernels and file systems say that cannot copy within the kernel. */
const cannot = ["EXDEV", "EINVAL", "EOPNOTSUPP", "ENOSYS", "EPERM"] as const;

/** Copies bytes through us; shorter when the file ends before. */
function copyByHand(from: number, to: number, at: number, length: number): number {
  let done = 0;
  while (done < length) {
    const got = readSync(from, block, 0, Math.min(blockSize, length - done), at + done);
    if (got === 0) break;
    for (let put = 0; put < got; ) put += writeSync(to, block, put, got - put, at + done + put);
    done += got;
  }
  return done;
}

function copyRange(from: number, to: number, start: number, end: number): void {
  for (let at = start; at < end; ) {
    offsets.view.setBigInt64(0, BigInt(at), true);
    offsets.view.setBigInt64(8, BigInt(at), true);
    const [source, target] = [offsets.address as Pointer, (offsets.address + 8) as Pointer];
    const got = Number(calls().copy_file_range(from, source, to, target, end - at, 0));
    if (got > 0) at += got;
    else {
      if (got < 0) {
        const number = errno();
        if (!cannot.some((name) => errnoNumber(name) === number)) throw new SystemCallError("copy_file_range", number);
      }
      copyByHand(from, to, at, end - at);
      return;
    }
  }
}

/**
 * Makes the empty file `to` like `from`.
 *
 * @param size bytes
 * @throws SystemCallError or what the runtime throws: ENOSPC, EDQUOT, EIO
 */
export function copyContent(from: number, to: number, size: number): void {
  if (size === 0 || calls().ioctl(to, FICLONE, from) === 0) return;
  ftruncateSync(to, size);
  for (let at = 0; at < size; ) {
    const data = Number(calls().lseek(from, at, SEEK_DATA));
    if (data < 0 && errno() === errnoNumber("ENXIO")) return;
    const start = data < 0 ? at : data;
    const hole = data < 0 ? -1 : Number(calls().lseek(from, start, SEEK_HOLE));
    const end = hole < 0 ? size : Math.min(hole, size);
    copyRange(from, to, start, end);
    at = end;
  }
}
