/** The way into a server that is set up: its namespaces, its control group, its context, its limits. */
import { join } from "node:path";
import { callPath, encodeCall } from "../../context/call.ts";
import { encodePlan } from "../../linux/plan/encode.ts";
import { type Step, step } from "../../linux/plan/step.ts";
import { defaultUlimit } from "../conf/ulimit.ts";
import { limitsOfEach } from "../limit/effective.ts";
import type { ServerName } from "../name.ts";
import { guestGroup } from "./cgroup.ts";
import type { Server } from "./server.ts";
import {
  capabilitiesOf,
  kindsOf,
  type NamespaceKind,
  namespaceFile,
  namespaceKinds,
  type ServerState,
} from "./state.ts";

const CLONE = {
  cgroup: 0x02000000,
  ipc: 0x08000000,
  uts: 0x04000000,
  net: 0x40000000,
  pid: 0x20000000,
  mnt: 0x00020000,
} as const;
const infinity = -1;
const keepLimit = -2;

export const O_DIRECTORY = 0o200000;
export const SIGKILL = 9;

/** A slot that nothing else uses. */
const groupSlot = 15;
/** Slots of the plan: one for each namespace. */
const slotOf = (kind: NamespaceKind): number => namespaceKinds.indexOf(kind);

export const guestPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const amount = (value: number | undefined): number =>
  value === undefined ? keepLimit : value === Number.POSITIVE_INFINITY ? infinity : value;

/** Finds the group for {@link forkInto}, while its path means what it says: before a mount namespace is entered. */
export const openGroup = (name: ServerName, group: string): Step =>
  step(
    "open",
    { slot: groupSlot, path: group, flags: O_DIRECTORY },
    { object: `vserver ${name}`, attempt: "find its control group", wayOut: "is the server running?" },
  );

/**
 * The process goes on as a child that is born in the control group, for to be moved there takes some ten milliseconds.
 * `fork`: whether this process waits for it, or ends when it has executed its program.
 */
export function forkInto(name: ServerName, fork: "fork_wait" | "detach"): readonly Step[] {
  const attempt = "make a process in its control group";
  const failure = { object: `vserver ${name}`, attempt, wayOut: { ENOMEM: "its process 1 has ended: stop it" } };
  return [step("fork_into", { slot: groupSlot }, failure), step(fork, {}, failure)];
}

const namespaceFailure = (name: ServerName) => ({
  object: `vserver ${name}`,
  attempt: "enter its namespaces",
  wayOut: `start it: vserver ${name} start`,
});

const openNamespaces = (name: ServerName, kinds: readonly NamespaceKind[]): readonly Step[] =>
  kinds.map((kind) =>
    step("open", { slot: slotOf(kind), path: namespaceFile(name, kind), flags: 0 }, namespaceFailure(name)),
  );

const setNamespaces = (name: ServerName, kinds: readonly NamespaceKind[]): readonly Step[] =>
  kinds.map((kind) => step("setns", { slot: slotOf(kind), type: CLONE[kind] }, namespaceFailure(name)));

/**
 * Joins the control group and the namespaces. A group of its own: a process 1 that manages the tree leaves no room at its
 * root. The cgroup namespace comes last, because from inside it the way into the group is closed.
 */
function joinServer(name: ServerName, kinds: readonly NamespaceKind[]): readonly Step[] {
  const group = join(guestGroup(name), "vserver-exec");
  return [
    step("mkdir", { path: group, mode: 0o755 }, { object: `vserver ${name}`, attempt: "join its control group" }),
    openGroup(name, group),
    ...openNamespaces(name, kinds),
    ...setNamespaces(
      name,
      kinds.filter((kind) => kind !== "cgroup"),
    ),
    ...forkInto(name, "fork_wait"),
    // Who ends this process means its child.
    step("pdeathsig", { signal: SIGKILL }),
    ...setNamespaces(name, ["cgroup"]),
  ];
}

/** From here on the process is the server's: limits, environment, no descriptor of the main server's, capabilities. */
function becomeGuest(
  server: Server,
  state: ServerState,
  environment: Readonly<Record<string, string>>,
  context: { readonly make?: readonly Step[]; readonly enter?: readonly Step[] },
): readonly Step[] {
  const object = `vserver ${server.name}`;
  const limits = limitsOfEach(server.conf).map(({ resource, number, soft, hard }) =>
    step(
      "rlimit",
      { resource: number, soft: amount(soft), hard: amount(hard) },
      { object, attempt: `set its limit ${resource}`, wayOut: `set ULIMIT; the default is "${defaultUlimit}"` },
    ),
  );
  const mask = capabilitiesOf(state);
  const variables = Object.entries({ PATH: guestPath, ...environment }).map(([key, value]) => `${key}=${value}`);
  return [
    step("chdir", { directory: "/" }),
    step("umask", { mask: 0o022 }),
    ...limits,
    ...(server.conf.nice === undefined
      ? []
      : [step("priority", { nice: server.conf.nice }, { object, attempt: `set its nice level ${server.conf.nice}` })]),
    step("signals", { ignored: 0 }),
    step("environment", { variables }),
    ...(context.make ?? []),
    step("close_from", { from: 3, keep: new Uint8Array() }),
    // Whoever is in the context already could reach for our descriptors.
    ...(context.enter ?? []),
    // Made inside, or it would be the main server's.
    step("keyring", {}, "ignore"),
    step("bounding", { mask }, { object, attempt: "lower the capability bounding set" }),
    step(
      "capabilities",
      { effective: mask, permitted: mask, inheritable: 0 },
      { object, attempt: "lower its capabilities" },
    ),
  ];
}

function enterContext(server: Server, xid: number, ceiling: bigint): Step {
  const failure = {
    object: `vserver ${server.name}`,
    attempt: `enter its context ${xid}`,
    wayOut: { EPERM: "it has the flag private, or the caller is in a context itself" },
  };
  return step("context_call", { call: encodeCall({ operation: "ENTER", xid, ceiling }) }, failure);
}

export const openContext = (name: ServerName, state: ServerState): readonly Step[] =>
  state.xid === null
    ? []
    : [
        step(
          "context_open",
          { path: callPath },
          { object: `vserver ${name}`, attempt: "use security contexts", wayOut: "run vkernel load" },
        ),
      ];

export interface EntryOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** User of the server's own /etc/passwd. */
  readonly user?: string;
  /** Socket that gets the master of a terminal of the server's own. */
  readonly terminal?: number;
}

/**
 * What a process does from when it is in the server's namespaces until exec.
 *
 * @param context the steps that make the context or enter it
 */
export function insideSteps(
  server: Server,
  state: ServerState,
  options: EntryOptions,
  context: { readonly make?: readonly Step[]; readonly enter?: readonly Step[] },
): readonly Step[] {
  const object = `vserver ${server.name}`;
  const { environment, user, terminal: socket } = options;
  const wayOut = { ENOENT: "it has no /etc/passwd" };
  return [
    ...(socket === undefined ? [] : [step("pty", { socket }, { object, attempt: "open a terminal of its own" })]),
    ...becomeGuest(server, state, environment, context),
    ...(user === undefined ? [] : [step("login", { name: user }, { object, attempt: `become ${user}`, wayOut })]),
  ];
}

/** Everything up to exec for a process that joins a server that is set up. */
export const entrySteps = (server: Server, state: ServerState, options: EntryOptions): readonly Step[] => [
  ...openContext(server.name, state),
  ...joinServer(server.name, kindsOf(state)),
  ...insideSteps(server, state, options, {
    enter: state.xid === null ? [] : [enterContext(server, state.xid, capabilitiesOf(state))],
  }),
];

/** The step that runs a command inside, looked up in the server's PATH. */
export const runStep = (name: ServerName, words: readonly string[]): Step =>
  step(
    "exec",
    { file: "", arguments: words, append: false },
    { object: `vserver ${name}`, attempt: `run ${words[0] ?? ""}` },
  );

/** The plan that `vexec NAME COMMAND` performs without starting this program. */
export function entryPlan(server: Server, state: ServerState): Uint8Array {
  const steps = [
    ...entrySteps(server, state, { environment: { HOME: "/root", USER: "root", LOGNAME: "root", SHELL: "/bin/sh" } }),
    step(
      "exec",
      { file: "", arguments: [], append: true },
      { object: `vexec ${server.name}`, attempt: "run the command" },
    ),
  ];
  return encodePlan({ steps, exitStatus: 255 });
}
