/** What a server is tied to, found out from its conf and the machine; nothing is changed here. */
import { mostAddresses } from "../../context/abi.ts";
import { type AddressSet, contextLoopbackRefusal, isContextLoopback } from "../../context/addresses.ts";
import { familyBits, type InetAddress, isIpv4, isLinkLocal } from "../../linux/inet.ts";
import { type DeviceAddress, deviceAddresses, devices, isLoopbackAddress } from "../../linux/ip.ts";
import { hostAddress } from "../../linux/resolve.ts";
import { VserverError } from "../../text/error.ts";
import type { RootAddress } from "../conf/addresses.ts";
import type { ServerConf } from "../conf/server.ts";
import type { ServerName } from "../name.ts";
import { isLocked } from "./lock.ts";
import { isSetUp, states } from "./state.ts";

/** IPv6 networks have 64 bits (RFC 4291). */
const usualPrefix6 = 64;

export interface Tie extends AddressSet {
  /** What has to be added to devices while the server runs. */
  readonly aliases: readonly DeviceAddress[];
}

function failure(name: ServerName, attempt: string, cause: string, wayOut: string): VserverError {
  return new VserverError({ object: `vserver ${name}`, attempt, cause, wayOut });
}

async function resolve(name: ServerName, { kind, host }: RootAddress): Promise<string> {
  if (kind !== "name") return host;
  const found = await hostAddress(host);
  if (found !== undefined) return found;
  throw failure(name, `tie it to ${host}`, "no host of that name has an address", "set IPROOT to an address");
}

/**
 * What an interrupted start has written down is nobody's.
 *
 * @throws VserverError when another server has the address, or is being started with it.
 */
export function refuseTaken(name: ServerName, address: string): void {
  const other = states()
    .filter((state) => state.name !== name && state.addresses.some((one) => one.address === address))
    .find((state) => isSetUp(state.name) || isLocked(state.name));
  if (other === undefined) return;
  throw failure(name, `use ${address}`, `the server ${other.name} has it`, "change IPROOT, or stop that server");
}

/** A VLAN device `eth0.231` is made when it is needed: then its parent is what must be there. */
function refuseUnknownDevice(name: ServerName, address: string, device: string, known: readonly string[]): void {
  const vlan = /^(.+)\.(\d+)$/.exec(device);
  if (known.includes(device) || (vlan !== null && known.includes(vlan[1] ?? ""))) return;
  throw failure(name, `add ${address} to ${device}`, "no such device", "add it, or name one of: ip -brief link");
}

/** The alias an address needs, or undefined when a device has it already. */
function aliasOf(
  name: ServerName,
  conf: ServerConf,
  wanted: RootAddress,
  address: string,
  present: readonly DeviceAddress[],
): DeviceAddress | undefined {
  if (present.some((one) => one.address === address)) return undefined;
  const device = wanted.device ?? conf.iprootDevice;
  // A namespace of its own is reached by a route of the main server, which no device has to answer for.
  if (device === undefined && conf.netns) return undefined;
  if (device === undefined) {
    const wayOut = "set IPROOTDEV to the device that is to carry it, or use --nodev";
    throw failure(name, `use ${address}`, "no device of this machine has it", wayOut);
  }
  refuseUnknownDevice(name, address, device, devices());
  if (!isIpv4(address)) {
    return { device, family: "inet6", address, prefix: wanted.prefix ?? usualPrefix6, broadcast: undefined };
  }
  const own = present.find((one) => one.device === device && one.family === "inet");
  const prefix = wanted.prefix ?? conf.iprootPrefix ?? own?.prefix ?? 32;
  const broadcast = conf.iprootBroadcast ?? (prefix < 31 ? "+" : undefined);
  return { device, family: "inet", address, prefix, broadcast };
}

/** `ALL`: what the machine has now, but for loopbacks, its own and those of servers, and what means something on one link only. */
function everyAddress(name: ServerName, present: readonly DeviceAddress[]): readonly InetAddress[] {
  const isLocal = (address: string) => isLinkLocal(address) || isLoopbackAddress(address) || isContextLoopback(address);
  const all = present.filter(({ address }) => !isLocal(address));
  if (all.length > 0 && all.length <= mostAddresses) return all.map(({ address, prefix }) => ({ address, prefix }));
  const wayOut = "name those it shall have in IPROOT";
  throw failure(name, "tie it to ALL addresses", `the machine has ${all.length}, 1 to ${mostAddresses} can be`, wayOut);
}

/**
 * Finds out what the server is tied to, and what is missing for it. Undefined: it is not tied.
 *
 * @throws VserverError for an unknown name or device, or an address another running server has.
 */
export async function findTie(name: ServerName, conf: ServerConf, touchDevices: boolean): Promise<Tie | undefined> {
  if (conf.iproot === "any") return undefined;
  const present = deviceAddresses();
  const broadcast = conf.iprootBroadcast;
  if (conf.iproot === "all") return { addresses: everyAddress(name, present), broadcast, aliases: [] };
  const addresses: InetAddress[] = [];
  const aliases: DeviceAddress[] = [];
  for (const wanted of conf.iproot) {
    const address = await resolve(name, wanted);
    const { cause, wayOut } = contextLoopbackRefusal;
    if (isContextLoopback(address)) throw failure(name, `tie it to ${address}`, cause, wayOut);
    refuseTaken(name, address);
    const alias = touchDevices ? aliasOf(name, conf, wanted, address, present) : undefined;
    if (alias !== undefined) aliases.push(alias);
    const carried = alias ?? present.find((one) => one.address === address);
    addresses.push({ address, prefix: carried?.prefix ?? wanted.prefix ?? familyBits(address) });
  }
  return { addresses, broadcast, aliases };
}
