/** `/etc/vservers/NAME.conf` as a frozen value: every key checked, or one line that says where it is wrong. */
import { contextFlags, firstGuestContext, lastContext } from "../../context/abi.ts";
import { capabilityBit, capabilityNames } from "../../linux/capability.ts";
import { isIpv4 } from "../../linux/inet.ts";
import { deviceName, prefixLength, type RootAddresses, rootAddresses } from "./addresses.ts";
import { evaluate } from "./evaluate.ts";
import { Fields } from "./fields.ts";
import { type LimitKey, type Limits, limitKeys, parseLimit } from "./limits.ts";
import { nearest } from "./nearest.ts";
import { parse } from "./parse.ts";
import { defaultUlimit, type ResourceLimit, ulimit } from "./ulimit.ts";
import { BadValue, hostName, integer, oneOf, profileName, tokens, yesOrNo } from "./value.ts";

const ownKeys = [
  "PROFILE",
  "IPROOT",
  "IPROOTDEV",
  "IPROOTMASK",
  "IPROOTBCAST",
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
] as const;
export type ServerKey = (typeof ownKeys)[number] | LimitKey;
/** The keys of a server's conf file, in the order of a fresh one. */
export const serverKeys: readonly ServerKey[] = Object.freeze([...ownKeys, ...limitKeys]);

type SettableFlag = Exclude<keyof typeof contextFlags, "held">;
/**
 * A context's flag, or `minit`: fakeinit that is started by /sbin/minit-start and stopped by /sbin/minit-stop, or `cow`: the
 * server gets a file of its own when it writes to a unified one.
 */
export type ServerFlag = SettableFlag | "minit" | "cow";
const isSettable = (flag: string): flag is SettableFlag => flag in contextFlags && flag !== "held";
export const serverFlags: readonly ServerFlag[] = Object.freeze([
  ...Object.keys(contextFlags).filter(isSettable),
  "minit" as const,
  "cow" as const,
]);

/** Names with CAP_, in capitals. */
export interface CapabilityList {
  /** What the server keeps of what `--secure` would remove. */
  readonly keep: readonly string[];
  /** What is removed as well (`!CAP_X`); nothing that is in `keep`. */
  readonly remove: readonly string[];
}

export interface ServerConf {
  /** The last `# Description: …` comment. */
  readonly description: string | undefined;
  readonly profile: string;
  readonly iproot: RootAddresses;
  readonly iprootDevice: string | undefined;
  /** IPROOTMASK as a prefix length. */
  readonly iprootPrefix: number | undefined;
  readonly iprootBroadcast: string | undefined;
  readonly onBoot: boolean;
  /** 0…999; the lower starts first. */
  readonly priority: number;
  readonly hostName: string | undefined;
  /** undefined = inherited, `none` = cleared. */
  readonly domainName: string | undefined;
  /** 2…65535; undefined = an unused one. */
  readonly context: number | undefined;
  readonly flags: readonly ServerFlag[];
  readonly capabilities: CapabilityList;
  /** -20…19. */
  readonly nice: number | undefined;
  readonly ulimit: readonly ResourceLimit[];
  readonly hidePid: boolean | undefined;
  /** A network stack of its own instead of a rule on the main server's. */
  readonly netns: boolean;
  /** Whose log gets what its programs send to /dev/log. */
  readonly syslog: "own" | "main";
  /** What the files of /proc about memory, processors, load and uptime tell: about the machine, or the server's own. */
  readonly proc: "own" | "main";
  readonly limits: Limits;
}

export interface ParsedServerConf {
  readonly conf: ServerConf;
  /** Lines to show on stderr, each beginning `FILE:LINE:COLUMN:`. */
  readonly warnings: readonly string[];
}

/** Flags of S_FLAGS or `--flags`, each once, in the order of the table. */
export function flagList(text: string): readonly ServerFlag[] {
  const named = tokens(text).map((token) => oneOf(token, serverFlags, "flag"));
  return Object.freeze(serverFlags.filter((flag) => named.includes(flag)));
}

/** S_CAPS. A capability that is both kept and removed is kept, as in 2003. */
export function capabilityList(text: string): CapabilityList {
  const keep = new Set<string>();
  const remove = new Set<string>();
  for (const { text: word, at } of tokens(text)) {
    const removed = word.startsWith("!");
    const name = capabilityNames[capabilityBit(removed ? word.slice(1) : word) ?? -1];
    if (name === undefined) {
      const near = nearest(word.replace(/^!/, ""), capabilityNames);
      throw new BadValue(word, "is no capability", near ? `write ${near}` : "names are like CAP_NET_RAW", at);
    }
    (removed ? remove : keep).add(name);
  }
  const dropped = [...remove].filter((name) => !keep.has(name));
  return Object.freeze({ keep: Object.freeze([...keep]), remove: Object.freeze(dropped) });
}

function broadcast(text: string): string {
  if (isIpv4(text)) return text;
  throw new BadValue(text, "is not an IPv4 address", "write the broadcast address, such as 10.0.0.255", 0);
}

function readLimits(field: Fields): Limits {
  const set = limitKeys.flatMap((key) => {
    const value = field.read(key, (text) => parseLimit(key, text));
    return value === undefined ? [] : [[key, value] as const];
  });
  return Object.freeze(Object.fromEntries(set));
}

/**
 * Reads the text of a conf file.
 *
 * @param profile value of PROFILE before the file is read, as given when the server is started
 * @throws VserverError whose line begins `FILE:LINE:COLUMN:`
 */
export function parseServerConf(text: string, file: string, profile?: string): ParsedServerConf {
  const source = { file, text };
  const statements = parse(source);
  const initial = new Map(profile === undefined ? [] : [["PROFILE", profile] as const]);
  const values = evaluate(source, statements, { known: new Set(serverKeys), initial });
  const field = new Fields(source, values);
  const description = [...text.matchAll(/^[ \t]*#[ \t]*Description:[ \t]*(.*?)[ \t]*$/gm)].at(-1)?.[1];
  const conf: ServerConf = Object.freeze({
    description: description === "" ? undefined : description,
    profile: field.read("PROFILE", profileName) ?? "",
    iproot: field.read("IPROOT", rootAddresses) ?? "any",
    iprootDevice: field.read("IPROOTDEV", deviceName),
    iprootPrefix: field.read("IPROOTMASK", (mask) => prefixLength(mask, 32)),
    iprootBroadcast: field.read("IPROOTBCAST", broadcast),
    onBoot: field.read("ONBOOT", yesOrNo) ?? false,
    priority: field.read("PRIORITY", (value) => integer(value, 0, 999)) ?? 100,
    hostName: field.read("S_HOSTNAME", hostName),
    domainName: field.read("S_DOMAINNAME", hostName),
    context: field.read("S_CONTEXT", (value) => integer(value, firstGuestContext, lastContext)),
    flags: field.readEvenEmpty("S_FLAGS", flagList) ?? flagList("lock nproc"),
    capabilities: field.read("S_CAPS", capabilityList) ?? capabilityList(""),
    nice: field.read("S_NICE", (value) => integer(value, -20, 19)),
    ulimit: field.readEvenEmpty("ULIMIT", ulimit) ?? ulimit(defaultUlimit),
    hidePid: field.read("HIDEPID", yesOrNo),
    netns: field.read("NETNS", yesOrNo) ?? false,
    syslog: field.read("SYSLOG", (value) => oneOf({ text: value, at: 0 }, ["own", "main"] as const, "log")) ?? "own",
    proc: field.read("PROC", (value) => oneOf({ text: value, at: 0 }, ["own", "main"] as const, "choice")) ?? "main",
    limits: readLimits(field),
  });
  return Object.freeze({ conf, warnings: field.warnings(statements, serverKeys) });
}

/** What a server has whose conf file says nothing. */
export const defaultServerConf = (): ServerConf => parseServerConf("", "").conf;
