/** Addresses of network devices and what they let in, through iproute2's `ip -json` and `tc`. */
import { writeFileSync } from "node:fs";
import { VserverError } from "../text/error.ts";

export interface DeviceAddress {
  readonly device: string;
  readonly family: "inet" | "inet6";
  readonly address: string;
  readonly prefix: number;
  /** Dotted, or `+`: every bit of the host's part set. */
  readonly broadcast: string | undefined;
}

interface IpEntry {
  readonly ifname?: string;
  readonly flags?: readonly string[];
  readonly addr_info?: readonly {
    readonly family: "inet" | "inet6";
    readonly local?: string;
    readonly prefixlen: number;
    readonly broadcast?: string;
    readonly tentative?: boolean;
    readonly dadfailed?: boolean;
  }[];
}

const path = "/usr/sbin:/sbin:/usr/bin:/bin";

function ip(words: readonly string[], attempt: string, wayOut?: string): string {
  const command = Bun.which("ip", { PATH: path });
  const failure = { object: "ip", attempt, ...(wayOut === undefined ? {} : { wayOut }) };
  if (command === null) {
    throw new VserverError({ ...failure, cause: "there is no ip command", wayOut: "install iproute2" });
  }
  const { exitCode, stdout, stderr } = Bun.spawnSync([command, ...words], { stdout: "pipe", stderr: "pipe" });
  if (exitCode === 0) return stdout.toString();
  const said =
    stderr
      .toString()
      .trim()
      .split("\n")[0]
      ?.replace(/^(Error: |RTNETLINK answers: )/, "") ?? "";
  throw new VserverError({ ...failure, cause: said === "" ? `ip ended with ${exitCode}` : said.toLowerCase() });
}

/** The words of one command of ip. */
export type IpCommand = readonly string[];

function batch(
  program: readonly string[],
  commands: readonly IpCommand[],
  attempt: string,
  failure: "report" | "ignore",
  wayOut?: string,
) {
  const name = program.at(-1) ?? "";
  const { exitCode, stderr } = Bun.spawnSync([...program, "-batch", "-"], {
    stdin: Buffer.from(commands.map((words) => `${words.join(" ")}\n`).join("")),
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: path },
  });
  if (exitCode === 0 || failure === "ignore") return;
  const cause =
    stderr
      .toString()
      .split("\n")[0]
      ?.replace(/^(Error: |RTNETLINK answers: )/, "") ?? "";
  const told = { object: name, attempt, cause: cause.toLowerCase() || `${name} ended with ${exitCode}` };
  throw new VserverError({ ...told, ...(wayOut === undefined ? {} : { wayOut }) });
}

/** Performs commands of ip, all in one process. @throws VserverError with what ip said of the first that failed */
export const ipBatch = (commands: readonly IpCommand[], attempt: string, failure: "report" | "ignore" = "report") =>
  batch(["ip"], commands, attempt, failure);

/** The same in the network namespace that is pinned on a file. */
export const ipBatchIn = (namespace: string, commands: readonly IpCommand[], attempt: string): void =>
  batch(["nsenter", `--net=${namespace}`, "ip"], commands, attempt, "report");

/** Lets only IPv6 packets from these networks in by the device, IPv4, and ARP. @throws VserverError */
export function admit(device: string, sources: readonly string[]): void {
  const attempt = `keep foreign senders off ${device}`;
  if (Bun.which("tc", { PATH: path }) === null) {
    throw new VserverError({
      object: "tc",
      attempt,
      cause: "there is no tc command",
      wayOut: "install iproute2 with tc",
    });
  }
  const filter = (priority: number, protocol: string, ...match: readonly string[]): IpCommand => [
    ...["filter", "add", "dev", device, "ingress", "pref", String(priority), "protocol", protocol],
    ...["flower", ...match, "action", protocol === "all" ? "drop" : "pass"],
  ];
  const commands = [
    ["qdisc", "add", "dev", device, "clsact"],
    filter(1, "ip"),
    filter(2, "arp"),
    ...sources.map((source) => filter(3, "ipv6", "src_ip", source)),
    filter(4, "all"),
  ];
  const wayOut = "use a kernel with CONFIG_NET_CLS_FLOWER, or IPv4 addresses alone";
  batch(["tc"], commands, attempt, "report", wayOut);
}

const entries = (words: readonly string[], attempt: string) =>
  JSON.parse(ip(["-json", ...words], attempt)) as readonly IpEntry[];

/** Names of all network devices. */
export const devices = (): readonly string[] =>
  entries(["link", "show"], "list the devices").map((entry) => entry.ifname ?? "");

const allAddresses = () => entries(["address", "show"], "list the addresses");

/** Every address of this network namespace. */
export const deviceAddresses = (): readonly DeviceAddress[] =>
  allAddresses().flatMap((entry) =>
    (entry.addr_info ?? []).map((one) => ({
      device: entry.ifname ?? "",
      family: one.family,
      address: one.local ?? "",
      prefix: one.prefixlen,
      broadcast: one.broadcast,
    })),
  );

export const isLoopbackAddress = (address: string): boolean => address.startsWith("127.") || address === "::1";

/** Longest label the kernel keeps (IFNAMSIZ - 1). */
const longestLabel = 15;

/** Adds an address to a device, an IPv4 one with the alias name `label` where it is short enough. */
export function addAddress(address: DeviceAddress, label: string): void {
  const words = ["address", "add", `${address.address}/${address.prefix}`, "dev", address.device];
  if (address.broadcast !== undefined) words.push("broadcast", address.broadcast);
  if (address.family === "inet" && label.length <= longestLabel) words.push("label", label);
  ip(words, `add ${address.address} to ${address.device}`, "set IPROOTDEV to a device of this machine");
}

/**
 * Removes an address from a device, and no other: without promotion the first IPv4 address of a network would take along
 * all that were added to the device later, whoever uses them.
 */
export function removeAddress(address: DeviceAddress): void {
  if (address.family === "inet") writeFileSync(`/proc/sys/net/ipv4/conf/${address.device}/promote_secondaries`, "1");
  const words = ["address", "del", `${address.address}/${address.prefix}`, "dev", address.device];
  ip(words, `remove ${address.address} from ${address.device}`);
}

/** Makes and brings up the VLAN device `PARENT.ID`. */
export function addVlan(device: string): void {
  const dot = device.lastIndexOf(".");
  const words = ["link", "add", "link", device.slice(0, dot), "name", device, "type", "vlan", "id"];
  ip([...words, device.slice(dot + 1)], `make the VLAN device ${device}`, "its number is 1 to 4094");
  ip(["link", "set", device, "up"], `bring ${device} up`);
}

export function removeDevice(device: string): void {
  ip(["link", "del", device], `remove ${device}`);
}

const duplicate = ({ address, device }: DeviceAddress) =>
  new VserverError({
    object: "ip",
    attempt: `add ${address} to ${device}`,
    cause: "another machine has that address (duplicate address detection)",
    wayOut: "choose another address, or take it from that machine",
  });

/**
 * Asks the link whether another machine has the IPv4 address (RFC 5227), with arping where it is installed and the device
 * speaks ARP. Takes a second. @throws VserverError when one answers
 */
export async function refuseDuplicate(address: DeviceAddress): Promise<void> {
  const arping = Bun.which("arping", { PATH: path });
  if (address.family !== "inet" || arping === null || !devices().includes(address.device)) return;
  const flags = entries(["link", "show", "dev", address.device], `look at ${address.device}`)[0]?.flags ?? [];
  if (!flags.includes("LOWER_UP") || flags.includes("NOARP") || flags.includes("LOOPBACK")) return;
  const words = ["-D", "-q", "-c", "1", "-w", "1", "-I", address.device, address.address];
  const status = await Bun.spawn([arping, ...words], { stdio: ["ignore", "ignore", "ignore"] }).exited;
  if (status === 1) throw duplicate(address);
}

/** Milliseconds the kernel may take to find out whether an IPv6 address is unique on its link. */
const patience = 5000;

/** Waits until new IPv6 addresses may be used. @throws VserverError when another machine has one */
export async function settle(addresses: readonly DeviceAddress[]): Promise<void> {
  const fresh = addresses.filter(({ family }) => family === "inet6");
  if (fresh.length === 0) return;
  for (const end = Date.now() + patience; Date.now() < end; await Bun.sleep(50)) {
    const now = allAddresses().flatMap((entry) => entry.addr_info ?? []);
    const stateOf = ({ address }: DeviceAddress) => now.find((one) => one.local === address);
    const failed = fresh.find((one) => stateOf(one)?.dadfailed);
    if (failed !== undefined) throw duplicate(failed);
    if (!fresh.some((one) => stateOf(one)?.tentative)) return;
  }
}
