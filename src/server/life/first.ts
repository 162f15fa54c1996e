/**
 * The first process of a server: from nothing it makes the surroundings, pins them, makes the context, and is then a process
 * of the server. It is one plan, for each run of `launch` would cost milliseconds.
 */
import { contextFlags } from "../../context/abi.ts";
import { encodeCall } from "../../context/call.ts";
import { type Step, step } from "../../linux/plan/step.ts";
import type { ServerFlag } from "../conf/server.ts";
import { effectiveLimits } from "../limit/effective.ts";
import { ipcSteps, terminalOptions } from "../limit/inside.ts";
import { stateDirectory } from "../paths.ts";
import type { Tie } from "./address.ts";
import { guestGroup } from "./cgroup.ts";
import { type EntryOptions, forkInto, insideSteps, O_DIRECTORY, openContext, openGroup, SIGKILL } from "./entry.ts";
import { keepMounts, placeMounts, readMountTable } from "./mounts.ts";
import { keepOwnProc, showOwnProc } from "./ownproc.ts";
import { keepServed, showServed } from "./served.ts";
import type { Server } from "./server.ts";
import {
  capabilitiesOf,
  entryPlanFile,
  type NamespaceKind,
  namespaceFile,
  type ServerState,
  unfinishedPlanFile,
} from "./state.ts";
import { procSteps, rootSteps, treeSteps } from "./tree.ts";

const CLONE_NEWNS = 0x00020000;
const CLONE_NEWCGROUP = 0x02000000;
const CLONE_NEWUTS = 0x04000000;
const CLONE_NEWIPC = 0x08000000;
const CLONE_NEWPID = 0x20000000;
const CLONE_NEWNET = 0x40000000;

/** Slots of the plan: the main server's mount namespace, the state directory, then the new namespaces. */
const hostSlot = 0;
const stateSlot = 1;
/** The network namespace, when it is one of its own: made, pinned and connected before. */
const netSlot = 14;
const slotOf = (kinds: readonly NamespaceKind[], kind: NamespaceKind) => 2 + kinds.indexOf(kind);

function contextBit(flag: ServerFlag): number {
  if (flag === "cow") return 0;
  return flag === "minit" ? contextFlags.fakeinit : contextFlags[flag];
}

function flagBits(server: Server, tied: boolean): number {
  const named = server.conf.flags.reduce((bits, flag) => bits | contextBit(flag), 0);
  // nproc is the control group's work for a server: it also counts what is entered from outside.
  return (named & ~contextFlags.nproc) | contextFlags.held | (tied ? contextFlags.loopback : 0);
}

/** Makes the context, held, with the process in it. */
function makeContext(server: Server, state: ServerState, tie: Tie | undefined): readonly Step[] {
  if (state.xid === null) return [];
  const request = {
    operation: "CREATE",
    xid: state.xid,
    flags: flagBits(server, tie !== undefined),
    ceiling: capabilitiesOf(state),
    ...(tie === undefined ? {} : { addresses: tie.addresses, broadcast: tie.broadcast }),
  } as const;
  return [
    step(
      "context_call",
      { call: encodeCall(request) },
      {
        object: `vserver ${server.name}`,
        attempt: `make the context ${state.xid}`,
        wayOut: { EEXIST: "the id is in use: change S_CONTEXT, or see vps", EPERM: "only root of context 0 may" },
      },
    ),
  ];
}

function nameSteps(server: Server): readonly Step[] {
  const { hostName, domainName } = server.conf;
  const failure = { object: `vserver ${server.name}`, attempt: "set its host name" };
  return [
    ...(hostName === undefined ? [] : [step("set_hostname", { name: hostName }, failure)]),
    ...(domainName === undefined
      ? []
      : [step("set_domainname", { name: domainName === "none" ? "" : domainName }, failure)]),
  ];
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

export interface FirstProcess extends EntryOptions {
  readonly tie: Tie | undefined;
  /** Whether `launch` waits for the process to end, or until it has executed its program. */
  readonly fork: "fork_wait" | "detach";
}

/** Everything up to exec. With the flag fakeinit the process is number 1 of a PID namespace. */
export function firstSteps(server: Server, state: ServerState, first: FirstProcess): readonly Step[] {
  const { name, conf } = server;
  const failure = { object: `vserver ${name}`, attempt: "make its namespaces" };
  const kinds: readonly NamespaceKind[] = [...(server.fakeinit ? ["pid" as const] : []), "cgroup", "ipc", "uts", "mnt"];
  const limits = effectiveLimits(conf);
  const table = readMountTable(name);
  const hidePid = server.fakeinit ? conf.hidePid === true : conf.hidePid !== false && state.xid !== null;
  const [unfinished, finished] = [unfinishedPlanFile(name), entryPlanFile(name)].map(baseName);
  return [
    // Nothing goes on without whoever has the server's lock.
    step("pdeathsig", { signal: SIGKILL }),
    step("open", { slot: hostSlot, path: "/proc/self/ns/mnt", flags: 0 }, failure),
    step("open", { slot: stateSlot, path: stateDirectory(name), flags: O_DIRECTORY }, failure),
    ...openContext(name, state),
    openGroup(name, guestGroup(name)),
    ...(server.fakeinit ? [step("unshare", { flags: CLONE_NEWPID }, failure)] : []),
    ...forkInto(name, first.fork),
    step("pdeathsig", { signal: SIGKILL }),
    step("mount_namespace", {}, failure),
    step("unshare", { flags: CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP }, failure),
    ...kinds.map((kind) =>
      step("open", { slot: slotOf(kinds, kind), path: `/proc/self/ns/${kind}`, flags: 0 }, failure),
    ),
    ...(state.netns
      ? [
          step("open", { slot: netSlot, path: namespaceFile(name, "net"), flags: 0 }, failure),
          step("setns", { slot: netSlot, type: CLONE_NEWNET }, failure),
        ]
      : []),
    ...nameSteps(server),
    ...ipcSteps(name, limits),
    keepServed(name),
    ...(conf.proc === "own" ? keepOwnProc(name) : []),
    ...keepMounts(name, table),
    ...rootSteps(name, server.directory),
    ...treeSteps(name, server.fakeinit, terminalOptions(limits.PTYS)),
    ...showServed(name, server.fakeinit, conf.syslog === "main"),
    ...placeMounts(table),
    ...procSteps(name, hidePid),
    ...(conf.proc === "own" ? showOwnProc(name) : []),
    // Pins are made on the main server's side, and before the context is: from inside one its mounts cannot be changed.
    step("setns", { slot: hostSlot, type: CLONE_NEWNS }, failure),
    ...kinds.map((kind) =>
      step(
        "bind",
        { slot: slotOf(kinds, kind), target: namespaceFile(name, kind) },
        { object: `vserver ${name}`, attempt: `pin its ${kind} namespace` },
      ),
    ),
    step("setns", { slot: slotOf(kinds, "mnt"), type: CLONE_NEWNS }, failure),
    ...insideSteps(server, state, first, {
      make: [
        // On a network stack of its own there is nobody to be kept from.
        ...makeContext(server, state, state.netns ? undefined : first.tie),
        step("rename", { slot: stateSlot, from: unfinished ?? "", to: finished ?? "" }, failure),
      ],
    }),
    ...(first.fork === "detach" ? [step("pdeathsig", { signal: 0 })] : []),
  ];
}
