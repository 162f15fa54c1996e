/** Whether two open files have the same bytes. */
import { dlopen } from "bun:ffi";
import { SystemCallError } from "./errno.ts";
import { errno, libc, memory } from "./libc.ts";

/** Bytes that are compared at once. */
const blockSize = 1 << 18;
/** Bytes of a file that are kept to be compared with several. */
const keptSize = 1 << 22;

function open() {
  return dlopen("libc.so.6", {
    // No length here is near what 32 bits hold.
    pread: { args: ["i32", "u64", "u64", "i64"], returns: "i32" },
    memcmp: { args: ["u64", "u64", "u64"], returns: "i32" },
  } as const).symbols;
}
let opened: ReturnType<typeof open> | undefined;
function calls(): ReturnType<typeof open> {
  libc();
  opened ??= open();
  return opened;
}

type Memory = ReturnType<typeof memory>;
let block: Memory | undefined;
/** Of files whose content nobody keeps any more. */
const spare: Memory[] = [];

/** Reads as much of `length` bytes as the file has. */
function fill(file: number, address: number, at: number, length: number): number {
  let done = 0;
  while (done < length) {
    const got = calls().pread(file, address + done, length - done, at + done);
    if (got < 0) throw new SystemCallError("pread", errno());
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** An open file that others are compared with. What was read of it is kept, so it must not change meanwhile. */
export class Content {
  #kept: Memory | undefined;
  /** Bytes of it that have been read. */
  #known = 0;

  /** First bytes of the file that differed last, when they were read last of it; valid until the next comparison. */
  beginning: Uint8Array | undefined;

  /** @param size of the file */
  constructor(
    readonly file: number,
    readonly size: number,
  ) {}

  /**
   * Whether another open file of the same size has the same bytes.
   *
   * @throws SystemCallError: EIO and the like
   */
  equals(other: number): boolean {
    block ??= memory(blockSize);
    this.beginning = undefined;
    for (let at = 0; at < this.size; at += blockSize) {
      const length = Math.min(blockSize, this.size - at);
      if (fill(other, block.address, at, length) !== length) return false;
      const own = this.#read(at, length);
      if (own === undefined) return false;
      if (calls().memcmp(own, block.address, length) !== 0) {
        if (at === 0) this.beginning = block.bytes.subarray(0, length);
        return false;
      }
    }
    return true;
  }

  /** Address of a piece of it; undefined when the file has become shorter. */
  #read(at: number, length: number): number | undefined {
    this.#kept ??= spare.pop() ?? memory(keptSize + blockSize);
    // What is not kept is read behind what is.
    const address = this.#kept.address + Math.min(at, keptSize);
    if (at + length <= this.#known) return address;
    if (fill(this.file, address, at, length) !== length) return undefined;
    if (at + length <= keptSize) this.#known = at + length;
    return address;
  }

  /** It is not asked for any more. */
  forget(): void {
    if (this.#kept !== undefined) spare.push(this.#kept);
    this.#kept = undefined;
    this.#known = 0;
  }
}

/**
 * Compares the first `size` bytes, the size of both.
 *
 * @throws SystemCallError: EIO and the like
 */
export function sameContent(one: number, other: number, size: number): boolean {
  const content = new Content(one, size);
  try {
    return content.equals(other);
  } finally {
    content.forget();
  }
}
