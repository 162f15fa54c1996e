/** Whether two open files have the same bytes. */
import { dlopen } from "bun:ffi";
import { SystemCallError } from "./errno.ts";
import { errno, libc, memory } from "./libc.ts";

const blockSize = 1 << 18;

function open() {
  return dlopen("libc.so.6", {
    pread: { args: ["i32", "u64", "u64", "i64"], returns: "i64" },
    memcmp: { args: ["u64", "u64", "u64"], returns: "i32" },
  } as const).symbols;
}
let opened: ReturnType<typeof open> | undefined;
let blocks: readonly [number, number] | undefined;
const held: unknown[] = [];

function buffers(): readonly [number, number] {
  if (blocks === undefined) {
    const pair = [memory(blockSize), memory(blockSize)] as const;
    held.push(pair);
    blocks = [pair[0].address, pair[1].address];
  }
  return blocks;
}

function calls(): ReturnType<typeof open> {
  libc();
  opened ??= open();
  return opened;
}

/** Reads as much of `length` bytes as the file has. */
function fill(file: number, address: number, at: number, length: number): number {
  let done = 0;
  while (done < length) {
    const got = Number(calls().pread(file, address + done, length - done, at + done));
    if (got < 0) throw new SystemCallError("pread", errno());
    if (got === 0) break;
    done += got;
  }
  return done;
}

/**
 * Compares the first `size` bytes, the size of both.
 *
 * @throws SystemCallError: EIO and the like
 */
export function sameContent(one: number, other: number, size: number): boolean {
  const [left, right] = buffers();
  for (let at = 0; at < size; at += blockSize) {
    const length = Math.min(blockSize, size - at);
    if (fill(one, left, at, length) !== length || fill(other, right, at, length) !== length) return false;
    if (calls().memcmp(left, right, length) !== 0) return false;
  }
  return true;
}
