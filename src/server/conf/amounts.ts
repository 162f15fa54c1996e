/** Values of limits: sizes, counts, shares, processors and rates, with their units, read and written the same way. */
import { BadValue, tokens } from "./value.ts";

/** Powers of 1024, by their letter. */
const units = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 } as const;
const isUnit = (letter: string): letter is keyof typeof units => letter in units;

/** No limit. */
export const unlimited = Number.POSITIVE_INFINITY;
/** The largest number of pages the kernel's counters hold, in bytes. */
const mostBytes = Number.MAX_SAFE_INTEGER;

/** Bytes: `512M`, `1.5G`, `4096`, `unlimited`; K, M, G and T are powers of 1024. */
export function size(text: string, at = 0): number {
  if (text === "unlimited") return unlimited;
  const match = /^([0-9]{1,15}(?:\.[0-9]{1,6})?)([KMGT]?)$/i.exec(text);
  const letter = match?.[2]?.toUpperCase() ?? "";
  const bytes = Math.floor(Number(match?.[1]) * (isUnit(letter) ? units[letter] : 1));
  if (bytes >= 1 && bytes <= mostBytes) return bytes;
  throw new BadValue(text, "is not a size", "write a number with K, M, G or T behind it, or unlimited", at);
}

/** The same, or none at all: `0`. */
export const sizeOrNone = (text: string): number => (text === "0" ? 0 : size(text));

/** A whole number above 0, or `unlimited`. */
export function count(text: string, at = 0): number {
  if (text === "unlimited") return unlimited;
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new BadValue(text, "is not a number of things", "write a whole number above 0, or unlimited", at);
}

/** Hundredths of one processor: `150%` is one and a half; `unlimited`. */
export function share(text: string): number {
  if (text === "unlimited") return unlimited;
  const percent = /^([1-9][0-9]{0,5})%$/.exec(text)?.[1];
  if (percent !== undefined) return Number(percent);
  throw new BadValue(text, "is no share of a processor", "write a percentage of one, such as 150%, or unlimited", 0);
}

/** A weight, 1 to 10000; 100 is what everything has by default. */
export function weight(text: string): number {
  const value = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 10000) return value;
  throw new BadValue(text, "is not a weight", "write a whole number from 1 to 10000; 100 is the usual one", 0);
}

/** Numbers of processors, `0-3,6`; nothing or `all` is every one. */
export function processors(text: string): string {
  if (text === "all") return "";
  const ranges = text.split(",").map((one) => /^([0-9]{1,4})(?:-([0-9]{1,4}))?$/.exec(one));
  if (ranges.every((one) => one !== null && Number(one[1]) <= Number(one[2] ?? one[1]))) return text;
  throw new BadValue(text, "is no list of processors", "write numbers and ranges, such as 0-3,6, or all", 0);
}

/** Most of something in a second, on one block device. */
export interface Rate {
  /** Name or path of the device; undefined = the one that holds the server's tree. */
  readonly device: string | undefined;
  readonly amount: number;
}

function rate(amount: (text: string, at: number) => number) {
  return (text: string): readonly Rate[] => {
    const rates = tokens(text).map((token) => {
      const equals = token.text.lastIndexOf("=");
      const device = equals < 0 ? undefined : token.text.slice(0, equals);
      if (device !== undefined && !/^(\/dev\/)?[A-Za-z0-9][A-Za-z0-9_.!+:/-]*$/.test(device)) {
        throw new BadValue(token.text, "names no device", "write one like vda=10M", token.at);
      }
      return Object.freeze({ device, amount: amount(token.text.slice(equals + 1), token.at + equals + 1) });
    });
    const twice = rates.find((one, at) => rates.findIndex((other) => other.device === one.device) !== at);
    if (twice !== undefined) throw new BadValue(text, "names a device twice", "write each device once", 0);
    return Object.freeze(rates);
  };
}

/** Bytes in a second: `10M`, or `vda=10M sdb=5M`. */
export const byteRates = rate(size);
/** Operations in a second, likewise. */
export const operationRates = rate(count);

/** The text that {@link sizeOrNone} reads, in the largest unit that divides it. */
export function sizeWords(bytes: number): string {
  if (bytes === unlimited) return "unlimited";
  if (bytes === 0) return "0";
  const letter = (["T", "G", "M", "K"] as const).find((one) => bytes % units[one] === 0);
  return letter === undefined ? String(bytes) : `${bytes / units[letter]}${letter}`;
}

export const countWords = (number: number): string => (number === unlimited ? "unlimited" : String(number));
export const shareWords = (percent: number): string => (percent === unlimited ? "unlimited" : `${percent}%`);
export const processorWords = (list: string): string => list || "all";
const rateWords = (words: (amount: number) => string) => (rates: readonly Rate[]) =>
  rates.map(({ device, amount }) => `${device === undefined ? "" : `${device}=`}${words(amount)}`).join(" ");
export const byteRateWords = rateWords(sizeWords);
export const operationRateWords = rateWords(countWords);
