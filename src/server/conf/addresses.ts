/** IPROOT: the addresses a server is tied to, each with its device and prefix where the file says so. */
import { mostAddresses } from "../../context/abi.ts";
import { canonicalInet, isIpv4, isIpv6, prefixBits } from "../../linux/inet.ts";
import { BadValue, integer, type Token, tokens } from "./value.ts";

export interface RootAddress {
  /** Network device that carries the address as an alias while the server runs; undefined = IPROOTDEV. */
  readonly device: string | undefined;
  readonly kind: "ipv4" | "ipv6" | "name";
  /** The address, or the host name to look up. */
  readonly host: string;
  /** Length of the network prefix; undefined = IPROOTMASK. */
  readonly prefix: number | undefined;
}

/** `any`: not tied at all. `all`: every address the main server has at start. */
export type RootAddresses = "any" | "all" | readonly RootAddress[];

/** The prefix length of `/24` or `/255.255.255.0`, 1 at least. */
export function prefixLength(mask: string, most: 32 | 128, at = 0): number {
  if (!isIpv4(mask) || most !== 32) return integer(mask, 1, most, at);
  const length = prefixBits(mask, most);
  if (length) return length;
  throw new BadValue(mask, "is not a netmask", "write a prefix length such as 24, or a mask such as 255.255.255.0", at);
}

export function deviceName(text: string, at = 0): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._@-]{0,14}$/.test(text)) return text;
  throw new BadValue(text, "is not a network device's name", "write one that ip link shows", at);
}

/** One `[DEVICE:]HOST[/MASK]`. */
export function rootAddress({ text, at }: Token): RootAddress {
  const slash = text.indexOf("/");
  const whole = slash < 0 ? text : text.slice(0, slash);
  const colon = isIpv6(whole) ? -1 : whole.indexOf(":");
  const device = colon < 0 ? undefined : deviceName(whole.slice(0, colon), at);
  const written = whole.slice(colon + 1);
  const host = canonicalInet(written) ?? written;
  const kind = isIpv4(host) ? "ipv4" : isIpv6(host) ? "ipv6" : "name";
  const named = /^(?=.*[A-Za-z])[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/.test(host);
  if (kind === "name" && !named) {
    throw new BadValue(text, "is not an address", "write [DEVICE:]ADDRESS[/PREFIX]", at);
  }
  if (host === "0.0.0.0" || host === "::" || (kind === "name" && host.toUpperCase() === "ALL")) {
    throw new BadValue(text, "stands for more than one address", "write it alone, without a device and a prefix", at);
  }
  const prefix = slash < 0 ? undefined : prefixLength(text.slice(slash + 1), kind === "ipv6" ? 128 : 32, at);
  return Object.freeze({ device, kind, host, prefix });
}

/** The whole of IPROOT: nothing or `0.0.0.0` = any, `ALL` = all, else a list. */
export function rootAddresses(value: string): RootAddresses {
  const words = tokens(value);
  const [only] = words;
  if (only === undefined) return "any";
  if (words.length === 1 && only.text === "0.0.0.0") return "any";
  if (words.length === 1 && only.text === "ALL") return "all";
  const list = words.map(rootAddress);
  list.forEach((one, at) => {
    const word = words[at] ?? only;
    if (list.findIndex((other) => other.host === one.host) !== at) {
      throw new BadValue(word.text, "is named twice", "remove one of them", word.at);
    }
    if (at >= mostAddresses) {
      throw new BadValue(word.text, `comes after ${mostAddresses} addresses`, "a server has no more", word.at);
    }
  });
  return Object.freeze(list);
}

/** The text that {@link rootAddresses} reads. */
export function addressText(addresses: RootAddresses): string {
  if (addresses === "any") return "0.0.0.0";
  if (addresses === "all") return "ALL";
  return addresses
    .map((one) => `${one.device === undefined ? "" : `${one.device}:`}${one.host}${one.prefix ? `/${one.prefix}` : ""}`)
    .join(" ");
}
