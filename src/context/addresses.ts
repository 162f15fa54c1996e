/** Sets of addresses as the kernel half keeps them: IPv4 first, as ::ffff:a.b.c.d, each with its prefix of 128 bits. */
import { familyBits, type InetAddress, inetText, isIpv4, isLinkLocal, parseInet } from "../linux/inet.ts";
import { type callLayout, firstGuestContext, loopback6Prefix, mostAddresses } from "./abi.ts";

export interface AddressSet {
  /** At most {@link mostAddresses}; none is no rule. */
  readonly addresses: readonly InetAddress[];
  /** Dotted: an IPv4 broadcast address that may be bound to besides. */
  readonly broadcast: string | undefined;
}

type Layout = typeof callLayout;
type Field = "broadcast" | "count4" | "count" | "prefixes" | "addresses";
const offset = (layout: Layout, field: Field): number => layout.offsets[field] ?? 0;

/** The first of a family is taken for what nothing else decides: a link's own address is no good for that. */
const rank = ({ address }: InetAddress): number => (isIpv4(address) ? 0 : isLinkLocal(address) ? 2 : 1);

/** Writes the set into the fields of a struct. @throws RangeError for too many, or for what is no address */
export function encodeAddresses(bytes: Uint8Array, layout: Layout, set: Partial<AddressSet>): void {
  const { addresses = [], broadcast } = set;
  if (addresses.length === 0 && broadcast === undefined) return;
  if (addresses.length > mostAddresses) throw new RangeError(`more than ${mostAddresses} addresses`);
  const sorted = addresses.toSorted((one, other) => rank(one) - rank(other));
  const view = new DataView(bytes.buffer, bytes.byteOffset, layout.size);
  view.setUint16(offset(layout, "count4"), sorted.filter(({ address }) => isIpv4(address)).length, true);
  view.setUint16(offset(layout, "count"), sorted.length, true);
  if (broadcast !== undefined) bytes.set(broadcast.split(".").map(Number), offset(layout, "broadcast"));
  sorted.forEach(({ address, prefix }, at) => {
    const raw = parseInet(address);
    if (raw === undefined) throw new RangeError(`no address: ${address}`);
    bytes[offset(layout, "prefixes") + at] = 128 - familyBits(address) + prefix;
    bytes.set(raw, offset(layout, "addresses") + 16 * at);
  });
}

/** An address of 16 bytes with a prefix of 128 bits. */
export function inetAddress(raw: Uint8Array, bits: number): InetAddress {
  const address = inetText(raw);
  return { address, prefix: bits - 128 + familyBits(address) };
}

/** Reads the set out of the fields of a struct. */
export function decodeAddresses(bytes: Uint8Array, layout: Layout): AddressSet {
  const view = new DataView(bytes.buffer, bytes.byteOffset, layout.size);
  const broadcast = bytes.subarray(offset(layout, "broadcast"), offset(layout, "broadcast") + 4);
  const addresses = Array.from({ length: view.getUint16(offset(layout, "count"), true) }, (_, at) => {
    const from = offset(layout, "addresses") + 16 * at;
    return inetAddress(bytes.subarray(from, from + 16), bytes[offset(layout, "prefixes") + at] ?? 0);
  });
  return { addresses, broadcast: broadcast.every((byte) => byte === 0) ? undefined : broadcast.join(".") };
}

/** Whether it is, or may become, the loopback of a context: nobody is tied to one (`kernel/addresses.h`). */
export function isContextLoopback(address: string): boolean {
  const [, , , , , , , , , , , , first, second = 0, third = 0] = parseInet(address) ?? [];
  if (isIpv4(address)) return first === 127 && second * 256 + third >= firstGuestContext;
  return inetText(parseInet(address) ?? new Uint8Array(16)).startsWith(loopback6(0).slice(0, -1));
}

/** What is said to whoever asks for one. */
export const contextLoopbackRefusal = {
  cause: "it is, or may become, the loopback of a context",
  wayOut: "take one of the main server's: of 127.0.0.0/8 those below 127.0.2.0, or ::1",
} as const;

/** The IPv6 loopback address of a context, which its processes know as ::1. */
export function loopback6(xid: number): string {
  const bytes = new DataView(new ArrayBuffer(16));
  bytes.setBigUint64(0, loopback6Prefix);
  bytes.setUint32(12, xid);
  return inetText(new Uint8Array(bytes.buffer));
}
