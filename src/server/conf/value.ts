/** Small parsers of values that stand in a conf file or on a command line; they know neither. */
import { nearest } from "./nearest.ts";
import { shown } from "./source.ts";

/** A text that its key has no use for. Whoever knows the file or the option says where it stands. */
export class BadValue extends Error {
  override readonly name = "BadValue";

  /** `at` is the offset of the offending word within the value. */
  constructor(
    readonly text: string,
    readonly reason: string,
    readonly wayOut: string,
    readonly at: number,
  ) {
    super(`${shown(text)} ${reason}; ${wayOut}`);
  }
}

export interface Token {
  readonly text: string;
  /** Offset within the value. */
  readonly at: number;
}

/** The words of a list, separated by blanks, tabs and line ends. */
export function tokens(value: string): readonly Token[] {
  return Array.from(value.matchAll(/[^ \t\n]+/g), (match) => ({ text: match[0], at: match.index }));
}

/** A decimal integer between `least` and `most`. */
export function integer(text: string, least: number, most: number, at = 0): number {
  const value = /^[+-]?[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value === 0 ? 0 : value;
  throw new BadValue(text, "is not a whole number in range", `write one from ${least} to ${most}`, at);
}

export function yesOrNo(text: string): boolean {
  if (text === "yes") return true;
  if (text === "no") return false;
  throw new BadValue(text, "is neither yes nor no", "write yes or no", 0);
}

/** Whoever misspells one of so many is told them all. */
const fewWords = 6;

/** `own or main`; `a, b or c`. */
const alternatives = (words: readonly string[]): string =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

/** A word of a fixed set, spelt exactly. */
export function oneOf<T extends string>(token: Token, known: readonly T[], what: string): T {
  const found = known.find((word) => word === token.text);
  if (found !== undefined) return found;
  const near = known.length > fewWords ? nearest(token.text, known) : undefined;
  throw new BadValue(token.text, `is no ${what}`, `write ${near ?? alternatives(known)}`, token.at);
}

/** A host name or NIS domain name: at most 64 bytes (HOST_NAME_MAX), no blanks. */
export function hostName(text: string): string {
  if (/^[A-Za-z0-9_]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?$/.test(text)) return text;
  throw new BadValue(text, "is not a host name", "write at most 64 letters, digits, dots and hyphens", 0);
}

/** The name of a profile: it also goes into a shell file within the server. */
export function profileName(text: string): string {
  if (/^[A-Za-z0-9_.-]{0,64}$/.test(text)) return text;
  throw new BadValue(text, "is not a profile's name", "write letters, digits, dots and hyphens", 0);
}
