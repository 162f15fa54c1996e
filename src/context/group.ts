/** The network rules of a server's control group: what its backstop lets pass. */
import { closeSync, existsSync, openSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { attachToGroup, deleteElement, readElement, updateElement, withPinned } from "../linux/bpf.ts";
import { errnoNumber, SystemCallError } from "../linux/errno.ts";
import { memory } from "../linux/libc.ts";
import { groupLayout, pinDirectory } from "./abi.ts";
import { type AddressSet, encodeAddresses } from "./addresses.ts";
import { bpfDirectory } from "./rundir.ts";
import { withTable } from "./table.ts";

const BPF_CGROUP_INET_INGRESS = 0;
const BPF_CGROUP_INET_EGRESS = 1;
/** Where the rules of a group are: in the kernel half, or, where there is none, in programs of the group's own. */
function groupsMap(directory: string): string {
  const shared = join(pinDirectory, "groups");
  return existsSync(shared) ? shared : ownMap(directory);
}

/** A name with a dot is refused by bpffs, so the group goes by its number. */
export const ownMap = (directory: string): string => join(bpfDirectory, `group-${statSync(directory).ino}`);

export interface GroupRule extends AddressSet {
  /** The context whose loopback the group has. */
  readonly loop: number | undefined;
}

export function keyOf(directory: string): ReturnType<typeof memory> {
  const key = memory(8);
  key.view.setBigUint64(0, statSync(directory, { bigint: true }).ino, true);
  return key;
}

/** The bytes of `struct group`. */
export function encodeGroup(rule: GroupRule): ReturnType<typeof memory> {
  const value = memory(groupLayout.size);
  value.view.setUint32(groupLayout.offsets["loop"] ?? 0, rule.loop ?? 0, true);
  value.view.setBigUint64(groupLayout.offsets["id"] ?? 0, 1n, true);
  encodeAddresses(value.bytes, groupLayout, rule);
  return value;
}

/** Gives the group a backstop: packets that neither come to nor leave from its addresses are dropped. */
export function attachBackstop(directory: string, rule: GroupRule): void {
  withPinned(groupsMap(directory), (map) => updateElement(map, keyOf(directory), encodeGroup(rule)));
  const group = openSync(directory, "r");
  try {
    for (const [name, type] of [
      ["backstop_in", BPF_CGROUP_INET_INGRESS],
      ["backstop_out", BPF_CGROUP_INET_EGRESS],
    ] as const) {
      withPinned(join(pinDirectory, name), (program) => attachToGroup(program, group, type));
    }
  } finally {
    closeSync(group);
  }
}

function ifThere<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (thrown) {
    const absent = ["ENOENT", "EACCES"] as const; // an ordinary user may not look
    if (thrown instanceof SystemCallError && absent.some((name) => thrown.errno === errnoNumber(name)))
      return undefined;
    throw thrown;
  }
}

/** Forgets the group; the programs go with the directory. Safe to repeat, also when nothing is loaded. */
export function forgetGroup(directory: string): void {
  ifThere(() => withPinned(groupsMap(directory), (map) => deleteElement(map, keyOf(directory))));
  rmSync(ownMap(directory), { force: true });
}

/** Packets its backstop has dropped; undefined when it has none. */
export function droppedPackets(directory: string): bigint | undefined {
  const value = memory(groupLayout.size);
  const path = groupsMap(directory);
  const open = path === ownMap(directory) ? withPinned : withTable;
  return ifThere(() => {
    open(path, (map) => readElement(map, keyOf(directory), value));
    return value.view.getBigUint64(groupLayout.offsets["dropped"] ?? 0, true);
  });
}
