/** What is known of a server that is set up: a directory under /run/vserver with its state file, its pins, its plan. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runDirectory } from "../../context/rundir.ts";
import type { InetAddress } from "../../linux/inet.ts";
import { MNT_DETACH, mount, mountAt, mountFlags, mounts, unmount } from "../../linux/mount.ts";
import { isServerName, type ServerName } from "../name.ts";
import { stateDirectory } from "../paths.ts";
import { keep } from "./kept.ts";

/** Namespaces a server can have, in the order they are entered; `pid` with the flag fakeinit, `net` with NETNS=yes. */
export const namespaceKinds = ["cgroup", "ipc", "uts", "net", "pid", "mnt"] as const;
export type NamespaceKind = (typeof namespaceKinds)[number];

export interface ServerState {
  readonly name: ServerName;
  /** Security context; null when the server runs on namespaces alone (CONTEXTS=optional). */
  readonly xid: number | null;
  /** What the server is tied to; none when it is not. */
  readonly addresses: readonly InetAddress[];
  readonly profile: string;
  /** Milliseconds since 1970. */
  readonly started: number;
  /** Process 1 of its own. */
  readonly fakeinit: boolean;
  /** A network namespace of its own. */
  readonly netns: boolean;
  /** What its root may do, as a bit mask in hexadecimal: see {@link capabilitiesOf}. */
  readonly capabilities: string;
}

/** What the server's root may do, settled when it was set up: what enters later gets no more. */
export const capabilitiesOf = (state: ServerState): bigint => BigInt(`0x${state.capabilities}`);

const stateFile = (name: ServerName): string => join(stateDirectory(name), "state.json");
export const entryPlanFile = (name: ServerName): string => join(stateDirectory(name), "enter.plan");
/** The pin of a namespace: a file the namespace is mounted on. */
export const namespaceFile = (name: ServerName, kind: NamespaceKind): string => join(stateDirectory(name), kind);

/** The plan of a server that is being set up: its first process renames it when everything stands. */
export const unfinishedPlanFile = (name: ServerName): string => `${entryPlanFile(name)}.unfinished`;

/**
 * Makes what the namespaces are pinned on. The directory becomes a mount of its own: to unmount that one takes all pins
 * away, for each unmount waits until every processor has been quiet.
 */
export function makePins(name: ServerName): void {
  mount(stateDirectory(name), stateDirectory(name), "", mountFlags.MS_BIND);
  keep(name, () => {
    for (const kind of namespaceKinds) writeFileSync(namespaceFile(name, kind), "", { mode: 0o600 });
  });
}

/** Takes all pins away; safe to repeat. */
export function dropPins(name: ServerName): void {
  const directory = stateDirectory(name);
  // Mounts are listed after those they are on.
  const topmost = () => mounts().find(({ target }) => target === directory || target.startsWith(`${directory}/`));
  for (let one = topmost(); one !== undefined; one = topmost()) unmount(one.target, MNT_DETACH);
}

/** Writes a file of the state directory completely or not at all; root only. */
export function writeStateFile(name: ServerName, path: string, content: string | Uint8Array): void {
  keep(name, () => {
    mkdirSync(stateDirectory(name), { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.new`, content, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  });
}

/** Written before anything of the server exists, so that whatever is left of an interrupted start can be found. */
export const writeState = (state: ServerState): void =>
  writeStateFile(state.name, stateFile(state.name), `${JSON.stringify(state)}\n`);

/** The namespaces this server has. */
export const kindsOf = (state: ServerState): readonly NamespaceKind[] =>
  namespaceKinds.filter((kind) => (kind !== "pid" || state.fakeinit) && (kind !== "net" || state.netns));

/** The state, or undefined when the server is not set up. */
export function readState(name: ServerName): ServerState | undefined {
  if (!existsSync(stateFile(name))) return undefined;
  return Object.freeze(JSON.parse(readFileSync(stateFile(name), "utf8")) as ServerState);
}

/** Whether the server's surroundings stand, completely: its entry plan is written last. */
export const isSetUp = (name: ServerName): boolean =>
  existsSync(entryPlanFile(name)) && mountAt(namespaceFile(name, "mnt")) !== undefined;

/** Every state there is, also of servers whose start was interrupted, by name. */
export function states(): readonly ServerState[] {
  if (!existsSync(runDirectory)) return [];
  return readdirSync(runDirectory)
    .filter(isServerName)
    .sort()
    .map(readState)
    .filter((state) => state !== undefined);
}
