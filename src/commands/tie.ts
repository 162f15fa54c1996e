/** The addresses that words of a command line or a conf file stand for, and the steps that tie a process to them. */
import { mostAddresses } from "../context/abi.ts";
import { type AddressSet, contextLoopbackRefusal, isContextLoopback } from "../context/addresses.ts";
import { deviceInet } from "../linux/device.ts";
import { canonicalInet, familyBits, type InetAddress, isIpv4, isLinkLocal, prefixBits } from "../linux/inet.ts";
import { type Step, step } from "../linux/plan/step.ts";
import { hostAddress } from "../linux/resolve.ts";
import { UsageError, VserverError } from "../text/error.ts";
import { chainExit, contextCall, requireKernelHalf } from "./chain.ts";

const anyAddress = "0.0.0.0";
/** What 2003 took for a netmask that was not given; IPv6 networks have 64 bits (RFC 4291). */
const usualPrefix = { 32: 24, 128: 64 } as const;

/** What a context's services say to each other there is for none but them. */
function refuseContextLoopback(tool: string, attempt: string, address: string): void {
  if (!isContextLoopback(address)) return;
  const words = { object: tool, attempt: `${attempt} ${address}`, ...contextLoopbackRefusal };
  throw new VserverError({ ...words, exitCode: chainExit });
}

const invalid = (tool: string, what: string, word: string) =>
  new UsageError(tool, `invalid ${what}: ${word}`, chainExit);

/** The addresses of a device that are good for serving. @throws VserverError when it has none */
function addressesOfDevice(tool: string, name: string, all: readonly InetAddress[]): readonly InetAddress[] {
  const usable = all.filter(({ address }) => !isLinkLocal(address) && !isContextLoopback(address));
  if (usable.length > 0) return usable;
  throw new VserverError({
    object: tool,
    attempt: `use ${name}`,
    cause: "it has no address",
    wayOut: "bring it up, or give it one with ip address add",
    exitCode: chainExit,
  });
}

/** The broadcast address of a network: every bit of the host's part set. */
function broadcastOf({ address, prefix }: InetAddress): string {
  const host = prefix === 0 ? 0xffff_ffff : 2 ** (32 - prefix) - 1;
  const number = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const all = (number | host) >>> 0;
  return [all >>> 24, (all >>> 16) & 255, (all >>> 8) & 255, all & 255].join(".");
}

interface Tied {
  readonly addresses: readonly InetAddress[];
  /** A device brings its own, as in 2003. */
  readonly broadcast?: string | undefined;
}

/** What one `--ip` stands for. @throws UsageError for a word that is no device, address or host name */
async function tied(tool: string, word: string): Promise<Tied> {
  const [name = "", mask, ...rest] = word.split("/");
  const device = mask === undefined ? deviceInet(name) : undefined;
  if (device !== undefined) {
    const addresses = addressesOfDevice(tool, name, device);
    const first = addresses.find(({ address }) => isIpv4(address));
    const broadcast = first && broadcastOf(first);
    return { addresses, broadcast: broadcast !== undefined && isContextLoopback(broadcast) ? undefined : broadcast };
  }
  const address = canonicalInet(name) ?? (/[^\d.]/.test(name) ? await hostAddress(name) : undefined);
  if (address === undefined) throw invalid(tool, "IP number or host name", word);
  refuseContextLoopback(tool, "tie it to", address);
  const bits = familyBits(address);
  const prefix = mask === undefined ? usualPrefix[bits] : prefixBits(mask, bits);
  if (prefix === undefined || rest.length > 0) throw invalid(tool, "netmask", word.slice(name.length + 1));
  return { addresses: [{ address, prefix }] };
}

/** `--bcast`. */
async function broadcastAddress(tool: string, word: string): Promise<string> {
  const device = deviceInet(word)?.find(({ address }) => isIpv4(address));
  if (device !== undefined) return broadcastOf(device);
  const address = canonicalInet(word) ?? (/[^\d.]/.test(word) ? await hostAddress(word) : undefined);
  if (address === undefined || !isIpv4(address)) throw invalid(tool, "broadcast number", word);
  refuseContextLoopback(tool, "take for broadcast", address);
  return address;
}

export interface Wanted extends AddressSet {
  /** As they were asked for: 0.0.0.0 is among them, which ties to nothing. */
  readonly named: readonly string[];
}

/**
 * What `--ip` words and a `--bcast` word stand for together.
 *
 * @throws UsageError or VserverError in the name of `tool`
 */
export async function wantedAddresses(tool: string, words: readonly string[], broadcast?: string): Promise<Wanted> {
  const each = await Promise.all(words.map((word) => tied(tool, word)));
  const all = new Map(each.flatMap((one) => one.addresses).map((one) => [one.address, one]));
  const addresses = [...all.values()].filter(({ address }) => address !== anyAddress && address !== "::");
  const named = broadcast === undefined ? undefined : await broadcastAddress(tool, broadcast);
  if (addresses.length > mostAddresses)
    throw new UsageError(tool, `${addresses.length} addresses are too many, max ${mostAddresses}`, chainExit);
  if (addresses.length > 0 && addresses.length < all.size)
    throw new UsageError(tool, `${anyAddress} stands for all addresses and goes with no other`, chainExit);
  const last = each.findLast((one) => one.broadcast !== undefined)?.broadcast;
  return { addresses, broadcast: named ?? last, named: [...all.keys()] };
}

/** Of several addresses of a family the further ones get datagrams from other machines only where root has seen to it. */
export async function steerDatagrams(tool: string, { addresses }: Wanted): Promise<void> {
  const of4 = addresses.filter(({ address }) => isIpv4(address)).length;
  if (process.getuid?.() !== 0 || Math.max(of4, addresses.length - of4) < 2) return;
  await requireKernelHalf(tool);
  const { steerAtCarriers } = await import("../context/steer.ts");
  steerAtCarriers(addresses.map(({ address }) => address));
}

/** Ties the process and says so, unless it is to be silent. */
export function tieSteps(tool: string, { addresses, broadcast, named }: Wanted, silent: boolean): readonly Step[] {
  const bind = contextCall(tool, { operation: "ADDRESS", addresses, broadcast }, "set the ipv4 root", {
    EPERM: "this process is tied to other addresses for good",
  });
  const line = ["ipv4root is now", ...named].join(" ");
  return [
    ...(addresses.length === 0 ? [] : [bind]),
    ...(silent ? [] : [step("print", { descriptor: 1, text: `${line}\n` }, "ignore")]),
  ];
}
