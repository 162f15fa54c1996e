/** ULIMIT: the arguments of the shell's `ulimit`, as limits for setrlimit(2). */
import { BadValue, type Token, tokens } from "./value.ts";

/** Resources by the shell's letter: name and number for setrlimit(2) on Linux, and how much one unit is. */
export const limitResources = {
  c: { name: "core", number: 4, unit: 1024 },
  d: { name: "data", number: 2, unit: 1024 },
  e: { name: "nice", number: 13, unit: 1 },
  f: { name: "fsize", number: 1, unit: 1024 },
  i: { name: "sigpending", number: 11, unit: 1 },
  l: { name: "memlock", number: 8, unit: 1024 },
  m: { name: "rss", number: 5, unit: 1024 },
  n: { name: "nofile", number: 7, unit: 1 },
  q: { name: "msgqueue", number: 12, unit: 1 },
  r: { name: "rtprio", number: 14, unit: 1 },
  R: { name: "rttime", number: 15, unit: 1 },
  s: { name: "stack", number: 3, unit: 1024 },
  t: { name: "cpu", number: 0, unit: 1 },
  u: { name: "nproc", number: 6, unit: 1 },
  v: { name: "as", number: 9, unit: 1024 },
  x: { name: "locks", number: 10, unit: 1 },
} as const;
export type LimitLetter = keyof typeof limitResources;
export type LimitName = (typeof limitResources)[LimitLetter]["name"];

export interface ResourceLimit {
  readonly letter: LimitLetter;
  readonly resource: LimitName;
  /** RLIMIT_ number. */
  readonly number: number;
  /** In the units of setrlimit(2); Infinity = unlimited; undefined = as it is. */
  readonly soft: number | undefined;
  readonly hard: number | undefined;
}

const isLetter = (letter: string): letter is LimitLetter => letter in limitResources;
/** What a conf file that says nothing gets. */
export const defaultUlimit = "-HS -u 1000";

function amount(token: Token, unit: number): number {
  if (token.text === "unlimited") return Number.POSITIVE_INFINITY;
  if (/^[0-9]{1,12}$/.test(token.text)) return Number(token.text) * unit;
  throw new BadValue(token.text, "is not a limit", "write a number or unlimited", token.at);
}

/**
 * `-H` and `-S` hold for all limits of the list; without them both are set. Sizes count in kilobytes as in bash.
 * A resource named twice takes the last value.
 */
export function ulimit(value: string): readonly ResourceLimit[] {
  const modes = new Set<string>();
  const wanted = new Map<LimitLetter, number>();
  let open: { readonly letter: LimitLetter; readonly token: Token } | undefined;
  for (const token of tokens(value)) {
    if (!token.text.startsWith("-") || token.text === "-") {
      const letter = open?.letter ?? "f";
      wanted.set(letter, amount(token, limitResources[letter].unit));
      open = undefined;
      continue;
    }
    for (const letter of token.text.slice(1)) {
      if (letter === "H" || letter === "S") modes.add(letter);
      else if (!isLetter(letter)) {
        const wayOut = `use the letters H S ${Object.keys(limitResources).join(" ")}`;
        throw new BadValue(token.text, "is no option of ulimit that sets a limit", wayOut, token.at);
      } else if (open !== undefined) throw missing(open.token);
      else open = { letter, token };
    }
  }
  if (open !== undefined) throw missing(open.token);
  const both = modes.size === 0;
  return Object.freeze(
    Array.from(wanted, ([letter, limit]) => {
      const { name, number } = limitResources[letter];
      const soft = both || modes.has("S") ? limit : undefined;
      return Object.freeze({ letter, resource: name, number, soft, hard: both || modes.has("H") ? limit : undefined });
    }),
  );
}

function missing(token: Token): BadValue {
  return new BadValue(token.text, "has no value after it", "write a number or unlimited", token.at);
}

/** The text that {@link ulimit} reads, for a list of its making: all limits of one list are of the same mode. */
export function ulimitText(limits: readonly ResourceLimit[]): string {
  const [first] = limits;
  if (first === undefined) return "";
  const mode = `-${first.hard === undefined ? "" : "H"}${first.soft === undefined ? "" : "S"}`;
  const words = limits.map(({ letter, hard, soft }) => {
    const limit = hard ?? soft ?? Number.POSITIVE_INFINITY;
    return `-${letter} ${Number.isFinite(limit) ? limit / limitResources[letter].unit : "unlimited"}`;
  });
  return [mode, ...words].join(" ");
}
