/**
 * What the caller gave this process and the runtime changed at its start, put back for the program that replaces it.
 *
 * What cannot be known any more: whether SIGPIPE or SIGXFSZ came ignored (they become default) or SIGPWR blocked; an
 * inherited eventfd or epoll descriptor is taken for one of the runtime's own.
 */
import { libc, memory } from "./libc.ts";
import { linkTarget, namesIn, readBytes } from "./proc.ts";

const SIGPIPE = 13;
const SIGXFSZ = 25;
const RLIMIT_NOFILE = 7;
const F_SETFD = 2;
/** The runtime marks descriptors from here up close-on-exec. */
const firstMarked = 4;
/** The soft limit of a process nobody changed. */
const usualDescriptors = 1024n;

function limitOf(process: number): { readonly soft: bigint; readonly hard: bigint } | undefined {
  const limits = memory(16);
  if (libc().prlimit(process, RLIMIT_NOFILE, null, limits.bytes) !== 0) return undefined;
  return { soft: limits.view.getBigUint64(0, true), hard: limits.view.getBigUint64(8, true) };
}

/**
 * The soft limit of open descriptors the caller had: the parent's, as far as our hard limit allows (the runtime raises
 * ours to the hard one at start).
 */
export function inheritedDescriptorLimit(): bigint {
  const own = limitOf(0)?.hard ?? usualDescriptors;
  const wanted = limitOf(process.ppid)?.soft ?? usualDescriptors;
  return wanted < own ? wanted : own;
}

/** Descriptors from 4 up that were open when this process started. */
export function inheritedDescriptors(): number[] {
  return namesIn("/proc/self/fd")
    .map(Number)
    .filter((descriptor) => {
      if (descriptor < firstMarked) return false;
      const target = linkTarget(`/proc/self/fd/${descriptor}`);
      // The listing's own descriptor is closed by now.
      return target !== undefined && !/^anon_inode:\[(eventpoll|eventfd)\]$/.test(target);
    });
}

/** Puts back what an exec hands on. To be called right before it: the runtime is not meant to go on after this. */
export function restoreInherited(): void {
  for (const descriptor of inheritedDescriptors()) libc().fcntl(descriptor, F_SETFD, 0);
  libc().signal(SIGPIPE, null);
  libc().signal(SIGXFSZ, null);
  const limits = memory(16);
  limits.view.setBigUint64(0, inheritedDescriptorLimit(), true);
  limits.view.setBigUint64(8, limitOf(0)?.hard ?? usualDescriptors, true);
  libc().prlimit(0, RLIMIT_NOFILE, limits.bytes, null);
}

/** Every character has one byte, so none can have been lost. */
const isAscii = (word: string): boolean => !/[^\0-\x7f]/.test(word);

/** The last `words` of our command line, byte for byte (the runtime's copy has lost what is not UTF-8). */
export function rawWords(words: readonly string[]): Uint8Array[] {
  const encoder = new TextEncoder();
  if (words.every(isAscii)) return words.map((word) => encoder.encode(word));
  const line = readBytes("/proc/self/cmdline");
  const all: Uint8Array[] = [];
  for (let at = 0; at < line.length; ) {
    const end = line.indexOf(0, at);
    all.push(line.subarray(at, end < 0 ? line.length : end));
    at = end < 0 ? line.length : end + 1;
  }
  const tail = words.length === 0 ? [] : all.slice(-words.length);
  const same = tail.length === words.length && tail.every((raw, at) => new TextDecoder().decode(raw) === words[at]);
  return same ? tail : words.map((word) => encoder.encode(word));
}
