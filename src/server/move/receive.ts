/**
 * The receiving end of copy, move and sync: what arrives is put together out of sight and takes its place all at once.
 * Interrupted anywhere, the next begin finds either the old copy or the new one in place.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { beneath } from "../../linux/beneath.ts";
import { VserverError } from "../../text/error.ts";
import { ensureServersRoot } from "../build/staging.ts";
import { withLock } from "../life/lock.ts";
import { isStanding } from "../life/phase.ts";
import { isThere } from "../manage/belongings.ts";
import type { ServerName } from "../name.ts";
import {
  confDirectory,
  confFile,
  hookDirectory,
  hookFile,
  mountTable,
  serverDirectory,
  serversRoot,
} from "../paths.ts";
import { originOf, roleOf, setRole } from "./role.ts";
import { endStragglers } from "./stragglers.ts";

/** What both ends say of a transfer. */
export interface Reception {
  /** `arrived`: this very transfer is complete already. */
  readonly state: "open" | "arrived";
  /** Where the tree goes. */
  readonly tree: string;
  /** Where the conf file and its companions go. */
  readonly settings: string;
  /** A tree to make hard links from; undefined = there is none. */
  readonly likeness: string | undefined;
}

const staging = (name: ServerName): string => join(serversRoot(), `.${name}.moving`);
const part = (name: ServerName, which: "tree" | "old" | "settings" | "transfer"): string => join(staging(name), which);

const refuse = (name: ServerName, cause: string, wayOut: string): VserverError =>
  new VserverError({ object: `vserver ${name}`, attempt: "receive it", cause, wayOut });

/** Completes or undoes the exchange of trees that an interrupted commit has left half done. */
function mend(name: ServerName): void {
  if (!existsSync(part(name, "old"))) return;
  if (!existsSync(serverDirectory(name))) renameSync(part(name, "old"), serverDirectory(name));
  else beneath(staging(name), (tree) => tree.remove("old"));
}

function expectReceivable(name: ServerName, transfer: string): "open" | "arrived" {
  const role = roleOf(name);
  if (role?.kind === "arrived" && role.transfer === transfer) return "arrived";
  if (isStanding(name)) throw refuse(name, "it is running here", "stop it first");
  const present = [serverDirectory(name), confFile(name)].some(isThere);
  if (present && role?.kind !== "standby" && role?.kind !== "given") {
    throw refuse(name, "this machine has a server of that name already", "choose another name, or delete that one");
  }
  if (role?.kind === "standby" && originOf(role.transfer) !== originOf(transfer)) {
    throw refuse(name, `it is a standby copy of the one on ${role.host}`, "delete it first");
  }
  return "open";
}

export async function beginReception(name: ServerName, transfer: string): Promise<Reception> {
  return withLock(name, async () => {
    const state = expectReceivable(name, transfer);
    const places = { tree: part(name, "tree"), settings: part(name, "settings") };
    if (state === "arrived") {
      // The commit may have been killed before its last step.
      if (isThere(staging(name))) discard(name);
      return { state, ...places, likeness: undefined };
    }
    ensureServersRoot(serversRoot());
    mkdirSync(staging(name), { recursive: true, mode: 0o700 });
    const file = part(name, "transfer");
    // What an earlier attempt of the same machine has sent is not sent again.
    if (existsSync(file) && originOf(readFileSync(file, "utf8")) !== originOf(transfer)) {
      throw refuse(name, "another transfer of it has begun", `end that one, or remove ${staging(name)}`);
    }
    await endStragglers(name, staging(name));
    writeFileSync(file, transfer, { mode: 0o600 });
    mend(name);
    for (const which of ["tree", "settings"] as const) mkdirSync(part(name, which), { recursive: true, mode: 0o700 });
    const likeness = isThere(serverDirectory(name)) ? serverDirectory(name) : undefined;
    return { state, ...places, likeness };
  });
}

/** Names of a server's files in the directory of conf files. */
export const settingsOf = (name: ServerName): readonly string[] =>
  [confFile(name), hookFile(name), hookDirectory(name), mountTable(name)].map((path) => basename(path));

function putSettings(name: ServerName): void {
  mkdirSync(confDirectory(), { recursive: true, mode: 0o700 });
  const arrived = readdirSync(part(name, "settings"));
  // The conf file is last: with it the server is known.
  for (const file of [...settingsOf(name)].reverse()) {
    const target = join(confDirectory(), file);
    if (target === hookDirectory(name) || !arrived.includes(file)) rmSync(target, { recursive: true, force: true });
    if (!arrived.includes(file)) continue;
    // The trees may be on a file system of their own; the new file takes its place in one step all the same.
    cpSync(join(part(name, "settings"), file), `${target}.new`, { recursive: true, preserveTimestamps: true });
    renameSync(`${target}.new`, target);
  }
}

/** Puts what has arrived in its place; safe to repeat. */
export async function commitReception(
  name: ServerName,
  transfer: string,
  from: string,
  kind: "standby" | "arrived",
): Promise<void> {
  await withLock(name, async () => {
    if (expectReceivable(name, transfer) === "arrived") return;
    if (!existsSync(part(name, "tree"))) throw refuse(name, "nothing has arrived", "send it again");
    const role = { host: from, transfer };
    // Until everything is in place it must not be started; what the new tree may do is told at the very end.
    setRole(name, { kind: "standby", ...role, synced: Date.now() });
    mend(name);
    chmodSync(part(name, "tree"), 0o755);
    if (isThere(serverDirectory(name))) renameSync(serverDirectory(name), part(name, "old"));
    renameSync(part(name, "tree"), serverDirectory(name));
    putSettings(name);
    if (kind === "arrived") setRole(name, { kind, ...role });
    discard(name);
  });
}

function discard(name: ServerName): void {
  beneath(staging(name), (tree) => tree.empty("."));
  rmdirSync(staging(name));
}

/** Forgets what has arrived. @returns false when the transfer is complete and cannot be undone from there. */
export async function abortReception(name: ServerName, transfer: string): Promise<boolean> {
  return withLock(name, async () => {
    const role = roleOf(name);
    if (role?.kind === "arrived" && role.transfer === transfer) return false;
    const begun = existsSync(part(name, "transfer")) ? readFileSync(part(name, "transfer"), "utf8") : undefined;
    if (begun !== undefined && originOf(begun) === originOf(transfer)) {
      mend(name);
      discard(name);
    }
    // A commit that was cut off has left a standby copy, which runs nowhere.
    return true;
  });
}
