/** `vinfo`: the context, address and capability ceiling of a process, in the words of 2003. */
import { readFileSync, readlinkSync } from "node:fs";
import { contextFlags, hostContext } from "../context/abi.ts";
import { callKernel } from "../context/call.ts";
import { type ProcessEntry, processes } from "../context/lists.ts";
import { requireRoot } from "../context/spectator.ts";
import { errnoNumber, SystemCallError } from "../linux/errno.ts";
import type { InetAddress } from "../linux/inet.ts";
import { parseCapabilities } from "../linux/status.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

const tool = "vinfo";

const manual: Manual = {
  name: tool,
  section: 1,
  summary: "show the security context of a process",
  synopsis: ["vinfo [--json] [PID]"],
  description: [
    "Prints what a process is tied to, of its own caller when there is no PID (any user), or of PID (root only):",
    "  s_context: 7 [ 7]",
    "  initpid: none",
    "  ipv4root: 10.0.0.2",
    "  capBset: 00000000d40425ff",
    "s_context is its security context, initpid the process 1 of that context (with the flag fakeinit), ipv4root its addresses (0.0.0.0: any), capBset the capabilities it and its children can have at most: the ceiling and the bounding set together.",
    "A process of another context does not exist for vinfo, as for every other program; chcontext --ctx 1 vinfo PID looks into all contexts.",
  ],
  options: [{ flag: "--json", about: "print an object: pid, context, initpid, ipv4root (a list), capBset, flags" }],
  exits: [
    ["0", "printed"],
    ["1", "no such process, not root, or the context hides its information (flag hideinfo)"],
    ["2", "wrong usage"],
    ["69", "the kernel half is not loaded, and cannot be: see vkernel check"],
  ],
  seeAlso: ["chcontext(8)", "vps(8)", "capabilities(7)"],
};

interface Info {
  readonly pid: number;
  readonly context: number;
  /** Bits of contextFlags. */
  readonly flags: number;
  /** None: any. */
  readonly addresses: readonly InetAddress[];
  /** As the kernel half keeps it; the bounding set is not counted in. */
  readonly ceiling: bigint;
  readonly initpid: number | undefined;
}

/** The PID namespace of the first process has this number on every Linux (PROC_PID_INIT_INO). */
const isFirstNamespace = () => readlinkSync("/proc/self/ns/pid") === "pid:[4026531836]";

const noSuchProcess = (pid: number) =>
  new VserverError({
    object: tool,
    attempt: `look at process ${pid}`,
    cause: "no such process",
    wayOut: "root sees those of other contexts with chcontext --ctx 1 vinfo",
  });

/** The process 1 of a context, by the number the caller knows it by. */
function initOf(list: readonly ProcessEntry[], context: number, first: boolean): number | undefined {
  const entry = list.find(({ xid, ownPid, pid, flags }) => {
    return xid === context && ownPid === 1 && pid !== 1 && (flags & contextFlags.fakeinit) !== 0;
  });
  return first || entry === undefined ? entry?.pid : entry.ownPid;
}

/** What the kernel half says of this process. */
function ownInfo(): Info {
  const { xid, flags, addresses, ceiling } = query();
  const first = isFirstNamespace();
  const fakeinit = (flags & contextFlags.fakeinit) !== 0;
  const known = { pid: process.pid, context: xid, flags, addresses, ceiling };
  if (!fakeinit) return { ...known, initpid: undefined };
  if (!first) return { ...known, initpid: 1 };
  return { ...known, initpid: process.getuid?.() === 0 ? initOf(processes(), xid, first) : undefined };
}

function query() {
  try {
    return callKernel({ operation: "QUERY" });
  } catch (thrown) {
    if (!(thrown instanceof SystemCallError)) throw thrown;
    const hidden = thrown.errno === errnoNumber("EACCES");
    const cause = hidden ? "it hides its information (flag hideinfo)" : thrown.words;
    throw new VserverError({ object: tool, attempt: "ask about the context it is in", cause });
  }
}

/** What the list of processes says of `pid`, a number of the caller's PID namespace. */
function infoOf(pid: number): Info {
  const own = query().xid;
  const list = processes();
  const first = isFirstNamespace();
  const entry = list.find((one) => (first ? one.pid === pid : one.xid === own && one.ownPid === pid));
  if (entry === undefined) throw noSuchProcess(pid);
  const { xid, flags, addresses, ceiling } = entry;
  const initpid = xid === hostContext ? undefined : initOf(list, xid, first);
  return { pid, context: xid, flags, addresses, ceiling, initpid };
}

/** What the process and its children can have at most. */
function boundingSet(pid: number | "self", ceiling: bigint): bigint {
  return parseCapabilities(readFileSync(`/proc/${pid}/status`, "latin1")).bounding & ceiling;
}

function print(info: Info, bounding: bigint, json: boolean): void {
  const capBset = bounding.toString(16).padStart(16, "0");
  if (json) {
    const flags = Object.entries(contextFlags).flatMap(([name, bit]) => (info.flags & bit ? [name] : []));
    const { pid, context, initpid } = info;
    const ipv4root = info.addresses.map(({ address }) => address);
    console.log(JSON.stringify({ pid, context, initpid: initpid ?? null, ipv4root, capBset, flags }, null, 2));
    return;
  }
  console.log(`s_context: ${info.context} [ ${info.context}]`);
  console.log(`initpid: ${info.initpid ?? "none"}`);
  console.log(`ipv4root: ${info.addresses.map(({ address }) => address).join(" ") || "0.0.0.0"}`);
  console.log(`capBset: ${capBset}`);
}

function processNumber(words: readonly string[]): number | undefined {
  const [word, ...more] = words;
  if (more.length > 0) throw new UsageError(tool, `unknown word ${more[0]}: one process at a time`);
  if (word === undefined) return undefined;
  if (/^[1-9]\d{0,9}$/.test(word)) return Number(word);
  throw new UsageError(tool, `no process id: ${word}`);
}

async function run(args: Arguments): Promise<number> {
  const pid = processNumber(args.words);
  if (pid === undefined) {
    const { ensureLoaded } = await import("../context/load.ts");
    await ensureLoaded(tool);
    const info = ownInfo();
    print(info, boundingSet("self", info.ceiling), args.has("--json"));
    return 0;
  }
  await requireRoot(tool, "look at another process");
  const info = infoOf(pid);
  print(info, boundingOf(pid, info.ceiling), args.has("--json"));
  return 0;
}

function boundingOf(pid: number, ceiling: bigint): bigint {
  try {
    return boundingSet(pid, ceiling);
  } catch {
    throw noSuchProcess(pid); // it has just ended
  }
}

export const command: Command = { manual, run };
