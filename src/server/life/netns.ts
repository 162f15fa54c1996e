/**
 * NETNS=yes: a server's own network namespace, joined to the main server's by a pair of veth devices and host routes.
 *
 * Chosen over ipvlan and macvlan because the main server reaches the server through it as any other host, because it
 * needs one hardware address on the link, and because its packets pass the main server's packet filter.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isIpv4, isLinkLocal } from "../../linux/inet.ts";
import {
  admit,
  deviceAddresses,
  devices,
  type IpCommand,
  ipBatch,
  ipBatchIn,
  isLoopbackAddress,
  removeDevice,
} from "../../linux/ip.ts";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";
import { stateDirectory } from "../paths.ts";
import type { Tie } from "./address.ts";
import { namespaceFile, type ServerState, writeStateFile } from "./state.ts";

/** The device's name in the server. */
const inner = "eth0";
/** What the server sends everything to: the other end of its pair, which has these in each. */
const gateway4 = "169.254.1.1";
const gateway6 = "fe80::1";

interface Wiring {
  /** The main server's end. */
  readonly device: string;
  /** Addresses the main server answers for on its own links. */
  readonly proxies: readonly { readonly address: string; readonly device: string }[];
}

const wiringFile = (name: ServerName): string => join(stateDirectory(name), "netns.json");

/** Device names are at most 15 characters, server names are not: the context's number is unique, too. */
const outerName = (state: ServerState): string => (state.xid === null ? `vs-${state.started % 1e9}` : `vs${state.xid}`);

function setting(path: string, value: string): void {
  const file = `/proc/sys/net/${path}`;
  if (existsSync(file) && readFileSync(file, "utf8").trim() !== value) writeFileSync(file, value);
}

/** The link that reaches the address: a device with an address in the same network. */
function linkOf(tie: Tie, address: string): string | undefined {
  return tie.aliases.find((alias) => alias.address === address)?.device;
}

function settings(wiring: Wiring): void {
  const { device, proxies } = wiring;
  setting(`ipv4/conf/${device}/forwarding`, "1");
  // What the server sends must come from an address that is routed to it.
  setting(`ipv4/conf/${device}/rp_filter`, "1");
  for (const { address, device: link } of proxies) {
    if (isIpv4(address)) setting(`ipv4/conf/${link}/forwarding`, "1");
    else {
      // Forwarding would end autoconfiguration of the main server itself.
      if (readFileSync(`/proc/sys/net/ipv6/conf/${link}/accept_ra`, "utf8").trim() === "1")
        setting(`ipv6/conf/${link}/accept_ra`, "2");
      setting("ipv6/conf/all/forwarding", "1");
      setting(`ipv6/conf/${link}/proxy_ndp`, "1");
    }
  }
}

/** IPv6 has no rp_filter, and any user may send from any address (IPV6_FREEBIND): others are kept out where they would come in. */
function keepToOwnSources6(device: string, tie: Tie): void {
  const own = tie.addresses.flatMap(({ address }) => (isIpv4(address) ? [] : [`${address}/128`]));
  if (own.length === 0) setting(`ipv6/conf/${device}/disable_ipv6`, "1");
  // Neighbour discovery comes from the link's own addresses, or from none.
  else admit(device, [...own, "fe80::/10", "::/128"]);
}

/** The main server speaks to the server from the address it has on the link, not from the gateway's. */
function sourceOn(link: string | undefined): readonly string[] {
  const usable = deviceAddresses().filter(
    ({ family, address }) => family === "inet" && !isLinkLocal(address) && !isLoopbackAddress(address),
  );
  const source = usable.find((one) => one.device === link) ?? usable[0];
  return source === undefined ? [] : ["src", source.address];
}

function outside(wiring: Wiring, tie: Tie): readonly IpCommand[] {
  const { device, proxies } = wiring;
  return [
    ["link", "set", device, "up"],
    ["address", "add", `${gateway4}/32`, "dev", device, "scope", "link"],
    ...(tie.addresses.some(({ address }) => !isIpv4(address))
      ? [["address", "add", `${gateway6}/64`, "dev", device, "nodad"]]
      : []),
    ...tie.addresses.map(({ address }) =>
      isIpv4(address)
        ? ["route", "add", `${address}/32`, "dev", device, ...sourceOn(linkOf(tie, address))]
        : ["route", "add", `${address}/128`, "dev", device],
    ),
    ...proxies.map(({ address, device: link }) => ["neighbour", "add", "proxy", address, "dev", link]),
  ];
}

function inside(tie: Tie): readonly IpCommand[] {
  const has4 = tie.addresses.some(({ address }) => isIpv4(address));
  const has6 = tie.addresses.some(({ address }) => !isIpv4(address));
  return [
    ["link", "set", "lo", "up"],
    ["link", "set", inner, "up"],
    ...tie.addresses.map(({ address }) =>
      isIpv4(address)
        ? ["address", "add", `${address}/32`, "dev", inner]
        : ["address", "add", `${address}/128`, "dev", inner, "nodad"],
    ),
    ...(has4
      ? [
          ["route", "add", gateway4, "dev", inner, "scope", "link"],
          ["route", "add", "default", "via", gateway4, "dev", inner],
        ]
      : []),
    ...(has6 ? [["route", "add", "default", "via", gateway6, "dev", inner]] : []),
  ];
}

/** @throws VserverError for an address the main server has itself: it cannot be in two places. */
function refuseShared(name: ServerName, tie: Tie): void {
  const present = deviceAddresses();
  const shared = tie.addresses.find(({ address }) => present.some((one) => one.address === address));
  if (shared === undefined) return;
  throw new VserverError({
    object: `vserver ${name}`,
    attempt: `give it ${shared.address} in a network namespace of its own`,
    cause: "the main server has that address",
    wayOut: "choose another, or remove NETNS=yes",
  });
}

/** Connects the pinned network namespace; what is made is noted first. */
function connect(name: ServerName, state: ServerState, tie: Tie): void {
  const proxies = tie.addresses.flatMap(({ address }) => {
    const device = linkOf(tie, address);
    return device === undefined ? [] : [{ address, device }];
  });
  const wiring: Wiring = { device: outerName(state), proxies };
  writeStateFile(name, wiringFile(name), JSON.stringify(wiring));
  const namespace = namespaceFile(name, "net");
  const pair = ["link", "add", wiring.device, "type", "veth", "peer", "name", inner, "netns", namespace];
  const attempt = `connect the network namespace of ${name}`;
  ipBatch([pair], attempt);
  settings(wiring);
  keepToOwnSources6(wiring.device, tie);
  ipBatch(outside(wiring, tie), attempt);
  ipBatchIn(namespace, inside(tie), attempt);
}

/** Brings up the loopback of a namespace that is connected to nothing. */
function isolate(name: ServerName): void {
  ipBatchIn(namespaceFile(name, "net"), [["link", "set", "lo", "up"]], `bring up the loopback of ${name}`);
}

/**
 * A network stack of its own, pinned and connected before the server's first process enters it.
 *
 * @throws VserverError when it cannot be made, or the main server has one of the addresses
 */
export function makeNetwork(name: ServerName, state: ServerState, tie: Tie | undefined): void {
  if (tie !== undefined) refuseShared(name, tie);
  const words = ["unshare", `--net=${namespaceFile(name, "net")}`, "true"];
  const { exitCode, stderr } = Bun.spawnSync(words, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) {
    const cause = stderr.toString().trim() || `unshare ended with ${exitCode}`;
    throw new VserverError({ object: `vserver ${name}`, attempt: "make its network namespace", cause });
  }
  if (tie === undefined) isolate(name);
  else connect(name, state, tie);
}

/** Removes what {@link connect} made; safe to repeat. */
export function disconnect(name: ServerName): void {
  if (!existsSync(wiringFile(name))) return;
  const wiring = JSON.parse(readFileSync(wiringFile(name), "utf8")) as Wiring;
  const known = devices();
  if (known.includes(wiring.device)) removeDevice(wiring.device);
  for (const { address, device } of wiring.proxies.filter((one) => known.includes(one.device))) {
    ipBatch([["neighbour", "del", "proxy", address, "dev", device]], `stop answering for ${address}`, "ignore");
  }
}
