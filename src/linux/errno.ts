/** Error numbers of Linux by name and in words, and system calls that throw them. */
import { errno, libc } from "./libc.ts";
import { planFailures } from "./plan/ops.ts";

/** Linux numbers of the errors that have a name here; the runtime's own table takes a fifth of a millisecond to load. */
const numbers = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EDQUOT: 122,
} as const;

export type ErrnoName = keyof typeof numbers;

/** Whether this is the name of an errno. */
export function isErrnoName(name: string): name is ErrnoName {
  return Object.hasOwn(numbers, name);
}

/** The number of an errno's name: `errnoNumber("ENOENT")` is 2. */
export function errnoNumber(name: ErrnoName): number {
  return numbers[name];
}

/** The name of an errno; undefined when the number has none here. */
export function errnoName(number: number): ErrnoName | undefined {
  return (Object.keys(numbers) as ErrnoName[]).find((name) => numbers[name] === number);
}

/** What an errno (or a failure of `launch` that is none) says, without a capital: `no such file or directory`. */
export function errnoWords(number: number): string {
  const own = Object.values(planFailures).find((failure) => failure.number === number);
  if (own !== undefined) return own.words;
  const words = String(libc().strerror(number));
  return /^[A-Z][a-z]/.test(words) ? words.charAt(0).toLowerCase() + words.slice(1) : words;
}

/** A system call that failed; `message` says which and why. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly words: string;

  constructor(
    call: string,
    readonly errno: number,
  ) {
    const words = errnoWords(errno);
    super(`${call}: ${words}`);
    this.words = words;
  }
}

/**
 * The result of a call, unless it is negative.
 *
 * @throws SystemCallError with the errno.
 */
export function check(call: string, result: number | bigint): number {
  if (result < 0) throw new SystemCallError(call, errno());
  return Number(result);
}
