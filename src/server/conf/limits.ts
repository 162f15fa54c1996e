/** Every limit a server can have: its key in the conf file, its option of vlimit, its unit, and what it means. */
import {
  byteRates,
  byteRateWords,
  count,
  countWords,
  operationRates,
  operationRateWords,
  processors,
  processorWords,
  share,
  shareWords,
  size,
  sizeOrNone,
  sizeWords,
  weight,
} from "./amounts.ts";

const sizes = { value: "SIZE", parse: (text: string) => size(text), words: sizeWords } as const;
const counts = { value: "NUMBER", parse: (text: string) => count(text), words: countWords } as const;
const weights = { value: "WEIGHT", parse: weight, words: String as (weight: number) => string } as const;
const bytesPerSecond = { value: "RATE", parse: byteRates, words: byteRateWords } as const;
const operationsPerSecond = { value: "RATE", parse: operationRates, words: operationRateWords } as const;

/** In the order they are shown. `value` names the unit, `words` writes what `parse` reads. */
export const limitTable = {
  MEMORY: { ...sizes, example: "512M", about: "most memory, page cache and kernel memory included" },
  MEMORY_HIGH: { ...sizes, example: "448M", about: "memory above which it is slowed down and has to give some back" },
  SWAP: { ...sizes, parse: sizeOrNone, example: "256M", about: "most swap space; 0 is none" },
  NPROC: { ...counts, example: "500", about: "most processes and threads, of all its users together" },
  FILES: { ...counts, example: "20000", about: "most open files, sockets and pipes, of all its processes together" },
  DISK: { ...sizes, example: "10G", about: "most disk space of its tree, whoever owns the files" },
  INODES: { ...counts, example: "200000", about: "most files and directories in its tree" },
  PTYS: { ...counts, example: "256", about: "most terminals (/dev/pts)" },
  SHM: { ...sizes, example: "64M", about: "most System V shared memory" },
  SEMAPHORES: { ...counts, example: "10000", about: "most System V semaphores" },
  MESSAGES: { ...counts, example: "100", about: "most System V message queues" },
  QUEUES: { ...counts, example: "50", about: "most POSIX message queues" },
  CPU_WEIGHT: { ...weights, example: "100", about: "weight against others that are busy too; one process has 100" },
  CPU_MAX: {
    value: "PERCENT",
    parse: share,
    words: shareWords,
    example: "150%",
    about: "most of one processor's time",
  },
  CPUSET: {
    value: "LIST",
    parse: processors,
    words: processorWords,
    example: "0-1",
    about: "processors it may run on",
  },
  IO_WEIGHT: { ...weights, example: "100", about: "weight against others that use the same block device" },
  IO_READ: { ...bytesPerSecond, example: "50M", about: "most bytes read in a second" },
  IO_WRITE: { ...bytesPerSecond, example: "vda=20M", about: "most bytes written in a second" },
  IO_READ_OPS: { ...operationsPerSecond, example: "1000", about: "most reads in a second" },
  IO_WRITE_OPS: { ...operationsPerSecond, example: "500", about: "most writes in a second" },
} as const;

export type LimitKey = keyof typeof limitTable;
export const limitKeys = Object.keys(limitTable) as readonly LimitKey[];
export const isLimitKey = (key: string): key is LimitKey => Object.hasOwn(limitTable, key);

/** The limits of one server, each typed; a missing one is as the kernel has it. */
export type Limits = { readonly [Key in LimitKey]?: ReturnType<(typeof limitTable)[Key]["parse"]> };

/** The option of vlimit: `--memory-high` for MEMORY_HIGH. */
export const limitOption = (key: LimitKey): string => `--${key.toLowerCase().replaceAll("_", "-")}`;

/** Parses the text of one limit. @throws BadValue */
export const parseLimit = <Key extends LimitKey>(key: Key, text: string): NonNullable<Limits[Key]> =>
  limitTable[key].parse(text) as NonNullable<Limits[Key]>;

/** The text {@link parseLimit} reads; undefined for a limit that is not set. */
export function limitWords(key: LimitKey, limits: Limits): string | undefined {
  const value = limits[key];
  return value === undefined ? undefined : (limitTable[key].words as (value: never) => string)(value as never);
}
