/** Who is where: the pinned lists, parsed. A reader sees what its own context may see. */
import { type InetAddress, parseInet } from "../linux/inet.ts";
import { fullCeiling, hostContext } from "./abi.ts";
import { inetAddress } from "./addresses.ts";
import { type Held, readList } from "./load.ts";

export interface ProcessEntry {
  readonly pid: number;
  readonly xid: number;
  readonly flags: number;
  /** What it is tied to; none is no rule. */
  readonly addresses: readonly InetAddress[];
  readonly ceiling: bigint;
  /** Its number in its own PID namespace: 1 for the process 1 of a context. */
  readonly ownPid: number;
}

export interface ContextEntry {
  readonly xid: number;
  readonly flags: number;
  readonly tasks: number;
  readonly addresses: readonly InetAddress[];
  readonly ceiling: bigint;
  /** User id of the maker. */
  readonly owner: number;
  /** Nanoseconds since boot. */
  readonly born: bigint;
}

const lines = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(" "));

/** `ADDRESS/BITS`, the address in full and the bits of its network of 128. */
function listedAddress(text: string): InetAddress {
  const [address = "", bits = ""] = text.split("/");
  return inetAddress(parseInet(address) ?? new Uint8Array(16), Number(bits));
}

/** Reads the text of the pinned list of processes. */
export const parseProcesses = (text: string): readonly ProcessEntry[] =>
  lines(text).map(([pid = "", xid = "", flags = "", ceiling = "", ownPid = "", ...addresses]) => ({
    pid: Number(pid),
    xid: Number(xid),
    flags: parseInt(flags, 16),
    ceiling: BigInt(`0x${ceiling}`),
    ownPid: Number(ownPid),
    addresses: addresses.map(listedAddress),
  }));

/** Every process the caller may see, with its context. Root only. */
export const processes = (pins?: string): readonly ProcessEntry[] => parseProcesses(readList("processes", pins));

/** Every context in use or held. Root only. */
export const contexts = (pins?: string): readonly ContextEntry[] =>
  lines(readList("contexts", pins)).map(
    ([xid = "", flags = "", tasks = "", ceiling = "", owner = "", born = "", ...addresses]) => ({
      xid: Number(xid),
      flags: parseInt(flags, 16),
      tasks: Number(tasks),
      ceiling: BigInt(`0x${ceiling}`),
      owner: Number(owner),
      born: BigInt(born),
      addresses: addresses.map(listedAddress),
    }),
  );

/** What the kernel half keeps from being more than it is. Root of the main server only. */
export const held = (pins: string): Held => ({
  contexts: contexts(pins).map(({ xid }) => xid),
  processes: processes(pins)
    .filter(({ xid, ceiling, addresses }) => xid === hostContext && (ceiling !== fullCeiling || addresses.length > 0))
    .map(({ pid }) => pid),
});
