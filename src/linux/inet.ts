/** IPv4 and IPv6 addresses: their text as people write it, their 16 bytes as the kernel half keeps them. */

/** An address with the length of its network prefix, in bits of its own family. */
export interface InetAddress {
  /** Dotted, or as RFC 5952 writes it. */
  readonly address: string;
  readonly prefix: number;
}

const v4Mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const isMapped = (bytes: Uint8Array): boolean => v4Mapped.every((byte, at) => bytes[at] === byte);

/** Four bytes without leading zeros, the way the kernel prints them; undefined for anything else. */
export function parseIpv4(text: string): string | undefined {
  const bytes = text.split(".");
  return bytes.length === 4 && bytes.every((byte) => /^(0|[1-9]\d{0,2})$/.test(byte) && Number(byte) <= 255)
    ? text
    : undefined;
}

/** The eight groups of an IPv6 address, which may end with a dotted IPv4 address. */
function parseGroups(text: string): readonly number[] | undefined {
  const tail = text.slice(text.lastIndexOf(":") + 1);
  let hex = text;
  if (tail.includes(".")) {
    if (parseIpv4(tail) === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = tail.split(".").map(Number);
    hex = `${text.slice(0, -tail.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = hex.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const [before = [], after = []] = halves;
  const given = before.length + after.length;
  if (halves.length > 2 || ![...before, ...after].every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined;
  if (halves.length === 1 ? given !== 8 : given > 7) return undefined;
  const zeros = Array<string>(8 - given).fill("0");
  return [...before, ...zeros, ...after].map((group) => parseInt(group, 16));
}

/** 16 bytes in network byte order, IPv4 as ::ffff:a.b.c.d; undefined for what is no address. */
export function parseInet(text: string): Uint8Array | undefined {
  if (parseIpv4(text) !== undefined) return new Uint8Array([...v4Mapped, ...text.split(".").map(Number)]);
  const groups = parseGroups(text);
  return groups && new Uint8Array(groups.flatMap((group) => [group >> 8, group & 255]));
}

/** The text of 16 bytes: dotted for an IPv4 address, else as RFC 5952 recommends. */
export function inetText(bytes: Uint8Array): string {
  if (isMapped(bytes)) return bytes.subarray(12, 16).join(".");
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0));
  const text = groups.map((group) => group.toString(16)).join(":");
  // The longest run of zeros, the first of equals, two groups at least.
  const runs = [...text.matchAll(/(?<![0-9a-f])0(:0)+(?![0-9a-f])/g)];
  const longest = runs.reduce((best, run) => (run[0].length > best.length ? run[0] : best), "");
  if (longest === "") return text;
  const at = runs.find((run) => run[0] === longest)?.index ?? 0;
  return `${text.slice(0, at).replace(/:$/, "")}::${text.slice(at + longest.length).replace(/^:/, "")}`;
}

/** The one way to write an address; undefined for what is none. */
export function canonicalInet(text: string): string | undefined {
  const bytes = parseInet(text);
  return bytes && inetText(bytes);
}

export const isIpv4 = (text: string): boolean => parseIpv4(text) !== undefined;
export const isIpv6 = (text: string): boolean => text.includes(":") && parseGroups(text) !== undefined;
/** Bits of a whole address of this family. */
export const familyBits = (address: string): 32 | 128 => (isIpv4(address) ? 32 : 128);
/** fe80::/10 and 169.254.0.0/16: means something on one link only. */
export const isLinkLocal = (address: string): boolean =>
  address.startsWith("169.254.") || (/^fe[89ab]/i.test(address) && address.includes(":"));

/**
 * Length of a prefix: of `24` (0 to `most`), or of `255.255.255.0` where `most` is 32; undefined for what is no netmask.
 */
export function prefixBits(text: string, most: 32 | 128): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= most ? Number(text) : undefined;
  const dotted = most === 32 ? parseIpv4(text) : undefined;
  if (dotted === undefined) return undefined;
  const bits = dotted.split(".").map((byte) => Number(byte).toString(2).padStart(8, "0"));
  return /^1*0*$/.test(bits.join("")) ? bits.join("").replace(/0/g, "").length : undefined;
}
