/** The text of a fresh conf file: every key explained, those without a value commented out; reading it gives the same value. */
import { addressText } from "./addresses.ts";
import { type LimitKey, limitKeys, limitTable, limitWords } from "./limits.ts";
import { quote } from "./quote.ts";
import { type ServerConf, type ServerKey, serverFlags } from "./server.ts";
import { ulimitText } from "./ulimit.ts";

const byLimit = <Value>(value: (key: LimitKey) => Value) =>
  Object.fromEntries(limitKeys.map((key) => [key, value(key)])) as Record<LimitKey, Value>;

/** The words of a value for each key; undefined = the key is not set. */
export function confValues(conf: ServerConf): Readonly<Record<ServerKey, string | undefined>> {
  const yesOrNo = (value: boolean) => (value ? "yes" : "no");
  return {
    PROFILE: conf.profile === "" ? undefined : conf.profile,
    IPROOT: addressText(conf.iproot),
    IPROOTDEV: conf.iprootDevice,
    IPROOTMASK: conf.iprootPrefix?.toString(),
    IPROOTBCAST: conf.iprootBroadcast,
    ONBOOT: yesOrNo(conf.onBoot),
    PRIORITY: String(conf.priority),
    S_HOSTNAME: conf.hostName,
    S_DOMAINNAME: conf.domainName,
    S_CONTEXT: conf.context?.toString(),
    S_FLAGS: conf.flags.join(" "),
    S_CAPS: [...conf.capabilities.keep, ...conf.capabilities.remove.map((name) => `!${name}`)].join(" ") || undefined,
    S_NICE: conf.nice?.toString(),
    ULIMIT: ulimitText(conf.ulimit),
    HIDEPID: conf.hidePid === undefined ? undefined : yesOrNo(conf.hidePid),
    NETNS: conf.netns ? "yes" : undefined,
    SYSLOG: conf.syslog === "main" ? "main" : undefined,
    PROC: conf.proc === "own" ? "own" : undefined,
    ...byLimit((key) => limitWords(key, conf.limits)),
  };
}

/** What stands above each key, and what a commented-out one shows. */
const about: Readonly<Record<Exclude<ServerKey, "PROFILE">, readonly [example: string, ...lines: string[]]>> = {
  IPROOT: [
    "1.2.3.4",
    "The server's addresses, separated by blanks: [DEVICE:]ADDRESS[/PREFIX].",
    "0.0.0.0 does not tie it to any, ALL ties it to all the main server has.",
  ],
  IPROOTDEV: ["eth0", "The device that carries the addresses while the server runs, where none is named."],
  IPROOTMASK: ["255.255.255.0", "Netmask and broadcast address, where they are not those of the device."],
  IPROOTBCAST: ["10.0.0.255"],
  ONBOOT: ["yes", "Start the server when the machine starts?"],
  PRIORITY: ["100", "Place in the order of starting, 0 to 999."],
  S_HOSTNAME: ["www.example.com", "Host name within the server; without one it is the main server's."],
  S_DOMAINNAME: ["none", "NIS domain name; none clears the one of the main server."],
  S_CONTEXT: ["2", "Security context, 2 to 65535; without one an unused number is taken at every start."],
  S_FLAGS: [
    "lock nproc",
    "lock: no other context may be made inside. nproc: processes are counted for the",
    "whole server. fakeinit: the server's own /sbin/init is its process 1.",
    "cow: writing to a unified file gives the server a file of its own.",
    `All: ${serverFlags.join(" ")}.`,
  ],
  S_CAPS: ["CAP_NET_RAW", "Capabilities to keep (CAP_NET_RAW: ping works) or, with a !, to remove as well."],
  S_NICE: ["19", "Lowest priority value of its processes, -20 to 19."],
  ULIMIT: ["-HS -u 1000", "Limits, as the arguments of the shell's ulimit."],
  HIDEPID: ["yes", "Hide the numbers of other users' processes within the server?"],
  SYSLOG: ["main", "Its log messages into the main server's log, where it cannot alter them? Needs rebootmgr."],
  NETNS: ["yes", "A network stack of its own, with a device of its own, instead of the main server's?"],
  PROC: ["own", "Show it its own memory, processors, load and uptime in /proc instead of the machine's?"],
  ...byLimit((key) => limitLines(key)),
};

function limitLines(key: LimitKey): [example: string, ...lines: string[]] {
  const { example, about: words, value } = limitTable[key];
  const first = key === limitKeys[0] ? ["Limits: see vserver.conf(5). vlimit changes them while the server runs."] : [];
  return [example, ...first, `${words.slice(0, 1).toUpperCase()}${words.slice(1)} (${value}).`];
}

const comment = (indent: string, lines: readonly string[]): string[] => lines.map((line) => `${indent}# ${line}`);

function assignment(key: keyof typeof about, value: string | undefined, indent = ""): string[] {
  const [example, ...lines] = about[key];
  const setting = value === undefined ? `#${key}=${quote(example)}` : `${key}=${quote(value)}`;
  return [...comment(indent, lines), indent + setting];
}

const addressKeys = ["IPROOT", "IPROOTDEV", "IPROOTMASK", "IPROOTBCAST"] as const;
const otherKeys = [
  "ONBOOT",
  "PRIORITY",
  "S_HOSTNAME",
  "S_DOMAINNAME",
  "S_CONTEXT",
  "S_FLAGS",
  "S_CAPS",
  "S_NICE",
  "ULIMIT",
  "HIDEPID",
  "NETNS",
  "SYSLOG",
  "PROC",
  ...limitKeys,
] as const;

/** The addresses may differ by profile: a server and its backup elsewhere share one conf file. */
function profiles(conf: ServerConf, addresses: (indent: string) => string[]): string[] {
  if (conf.profile === "") return addresses("");
  const other = conf.profile === "backup" ? "prod" : "backup";
  return [
    ...comment("", ["The profile in force; whoever starts the server may choose another."]),
    `if [ "$PROFILE" = "" ] ; then`,
    `\tPROFILE=${quote(conf.profile)}`,
    "fi",
    "",
    "case $PROFILE in",
    `${quote(conf.profile)})`,
    ...addresses("\t"),
    "\t;;",
    `${other})`,
    `\tIPROOT=${about.IPROOT[0]}`,
    `\t#IPROOTDEV=${about.IPROOTDEV[0]}`,
    "\t;;",
    "esac",
  ];
}

/** `parseServerConf(writeServerConf(conf))` is `conf` for every `conf` that was parsed. */
export function writeServerConf(conf: ServerConf): string {
  const values = confValues(conf);
  const sections = [
    [`# Description: ${conf.description?.replace(/\s+/g, " ") ?? ""}`.trimEnd()],
    profiles(conf, (indent) => addressKeys.flatMap((key) => assignment(key, values[key], indent))),
    ...otherKeys.map((key) => assignment(key, values[key])),
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}
