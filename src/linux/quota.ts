/** Project quota by quotactl(2): what a project uses of a file system, and the most it may. */
import { dlopen, FFIType } from "bun:ffi";
import { check, errnoNumber, SystemCallError } from "./errno.ts";
import { libc, memory } from "./libc.ts";

const PRJQUOTA = 2;
const Q_GETQUOTA = 0x800007;
const Q_SETQUOTA = 0x800008;
const QIF_BLIMITS = 1;
const QIF_ILIMITS = 4;
const blockSize = 1024;
/** The same number on every architecture, as of all calls since Linux 5.1. */
const quotactlFd = 443;
const O_CLOEXEC = 0o2000000;

/** `struct if_dqblk` of linux/quota.h, 8 bytes each but the last. */
const record = {
  size: 72,
  blocks: 0,
  softBlocks: 8,
  space: 16,
  inodes: 24,
  softInodes: 32,
  used: 40,
  valid: 64,
} as const;

let call:
  | ((number: number, descriptor: number, command: number, id: number, record: number) => number | bigint)
  | undefined;

function quotactl(path: string, command: number, id: number, address: number): void {
  const { i64 } = FFIType;
  call ??= dlopen("libc.so.6", { syscall: { args: [i64, i64, i64, i64, i64], returns: i64 } } as const).symbols.syscall;
  const descriptor = check(`open ${path}`, libc().open(path, O_CLOEXEC));
  try {
    check("quotactl", call(quotactlFd, descriptor, (command << 8) | PRJQUOTA, id, address));
  } finally {
    libc().close(descriptor);
  }
}

export interface ProjectQuota {
  /** Bytes used, and allowed; Infinity is no limit. */
  readonly space: number;
  readonly mostSpace: number;
  readonly inodes: number;
  readonly mostInodes: number;
}

const limit = (number: bigint, unit = 1) => (number === 0n ? Number.POSITIVE_INFINITY : Number(number) * unit);

/** @throws SystemCallError: ESRCH where the file system at `path` does not account projects */
export function projectQuota(path: string, id: number): ProjectQuota {
  const { view, address } = memory(record.size);
  try {
    quotactl(path, Q_GETQUOTA, id, address);
  } catch (thrown) {
    // XFS knows nothing of a project before its first file.
    if (!(thrown instanceof SystemCallError) || thrown.errno !== errnoNumber("ENOENT")) throw thrown;
  }
  const number = (at: number) => view.getBigUint64(at, true);
  return {
    space: Number(number(record.space)),
    mostSpace: limit(number(record.blocks), blockSize),
    inodes: Number(number(record.used)),
    mostInodes: limit(number(record.inodes)),
  };
}

/** Changes the limits that are given; Infinity lifts one. @throws SystemCallError */
export function setProjectQuota(
  path: string,
  id: number,
  most: { readonly space?: number; readonly inodes?: number },
): void {
  const { view, address } = memory(record.size);
  const set = (at: number, value: number) =>
    view.setBigUint64(at, Number.isFinite(value) ? BigInt(Math.ceil(value)) : 0n, true);
  if (most.space !== undefined) set(record.blocks, most.space / blockSize);
  if (most.inodes !== undefined) set(record.inodes, most.inodes);
  const valid = (most.space === undefined ? 0 : QIF_BLIMITS) | (most.inodes === undefined ? 0 : QIF_ILIMITS);
  view.setUint32(record.valid, valid, true);
  quotactl(path, Q_SETQUOTA, id, address);
}
