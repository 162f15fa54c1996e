/** Where the bytes of a file are on disk (FIEMAP), and giving two files the same ones (FIDEDUPERANGE). */
import { errnoNumber, SystemCallError } from "./errno.ts";
import { errno, libc, memory } from "./libc.ts";

const ioctl = process.arch === "arm64" ? 29 : 16;
const FS_IOC_FIEMAP = 0xc020660b;
const FIDEDUPERANGE = 0xc0189436;
/** Waits until what was written has its place. */
const FIEMAP_FLAG_SYNC = 1;

/** `struct fiemap` and `struct fiemap_extent` of linux/fiemap.h. */
const map = { size: 32, start: 0, length: 8, flags: 16, mapped: 20, count: 24 } as const;
const entry = { size: 56, logical: 0, physical: 8, length: 16, flags: 40 } as const;
const extentsAtOnce = 256;

/** `struct file_dedupe_range` of linux/fs.h with one `file_dedupe_range_info`. */
const range = { size: 56, offset: 0, length: 8, count: 16, file: 24, fileOffset: 32, done: 40, status: 48 } as const;
const FILE_DEDUPE_RANGE_DIFFERS = 1;

export const extentFlag = { last: 0x1, inline: 0x200, shared: 0x2000 } as const;

/** All in bytes. */
export interface Extent {
  readonly logical: number;
  readonly physical: number;
  readonly length: number;
  /** Bits of {@link extentFlag}. */
  readonly flags: number;
}

/** @throws SystemCallError EOPNOTSUPP where the file system does not tell */
export function extentsOf(descriptor: number): readonly Extent[] {
  const { view, address } = memory(map.size + extentsAtOnce * entry.size);
  const found: Extent[] = [];
  for (let start = 0; ; ) {
    view.setBigUint64(map.start, BigInt(start), true);
    view.setBigUint64(map.length, 2n ** 63n, true);
    view.setUint32(map.flags, FIEMAP_FLAG_SYNC, true);
    view.setUint32(map.count, extentsAtOnce, true);
    if (libc().syscall(ioctl, descriptor, FS_IOC_FIEMAP, address) < 0) throw new SystemCallError("FIEMAP", errno());
    const mapped = view.getUint32(map.mapped, true);
    for (let n = 0; n < mapped; n++) {
      const at = map.size + n * entry.size;
      const number = (field: number) => Number(view.getBigUint64(at + field, true));
      const flags = view.getUint32(at + entry.flags, true);
      found.push({
        logical: number(entry.logical),
        physical: number(entry.physical),
        length: number(entry.length),
        flags,
      });
    }
    const last = found.at(-1);
    if (mapped === 0 || last === undefined || (last.flags & extentFlag.last) !== 0) return found;
    start = last.logical + last.length;
  }
}

/**
 * Has `to` use the blocks of `from` wherever it has the same bytes, compared by the kernel while nobody can write to either.
 * Times, owner and everything else of both stay.
 *
 * @param size of both, in bytes
 * @returns false when they differ; what was equal up to there is shared then
 * @throws SystemCallError EOPNOTSUPP, EINVAL, EXDEV: the file system cannot, or not between these two
 */
export function shareBlocks(from: number, to: number, size: number): boolean {
  const { view, address } = memory(range.size);
  for (let at = 0; at < size; ) {
    view.setBigUint64(range.offset, BigInt(at), true);
    view.setBigUint64(range.length, BigInt(size - at), true);
    view.setUint16(range.count, 1, true);
    view.setBigInt64(range.file, BigInt(to), true);
    view.setBigUint64(range.fileOffset, BigInt(at), true);
    view.setBigUint64(range.done, 0n, true);
    view.setInt32(range.status, 0, true);
    if (libc().syscall(ioctl, from, FIDEDUPERANGE, address) < 0) throw new SystemCallError("FIDEDUPERANGE", errno());
    const status = view.getInt32(range.status, true);
    if (status === FILE_DEDUPE_RANGE_DIFFERS) return false;
    if (status < 0) throw new SystemCallError("FIDEDUPERANGE", -status);
    const done = Number(view.getBigUint64(range.done, true));
    if (done === 0) throw new SystemCallError("FIDEDUPERANGE", errnoNumber("EINVAL"));
    at += done;
  }
  return true;
}
