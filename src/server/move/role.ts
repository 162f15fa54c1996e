/**
 * Which of several machines may run a server. A copy that may not has a note that says why; a server without a note is
 * simply a server of this machine. The note is written before anything that makes it true.
 */
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";
import { libraryDirectory, serverDirectory } from "../paths.ts";

export type Role =
  /** A copy of the server on `host`, kept to take over from it. */
  | { readonly kind: "standby"; readonly host: string; readonly transfer: string; readonly synced: number }
  /** Being moved to `host`. */
  | {
      readonly kind: "leaving";
      readonly host: string;
      readonly transfer: string;
      /** It is to run there afterwards. */
      readonly running: boolean;
      /** What {@link treeMark} said of the tree that goes; notes of older versions have none. */
      readonly tree?: string;
    }
  /** `host` has taken it over. */
  | { readonly kind: "given"; readonly host: string }
  /** It may run here; it came by this transfer. */
  | { readonly kind: "arrived"; readonly host: string; readonly transfer: string };

/** The machine that sends, and which of its transfers it is: `MACHINE/NUMBER`. */
export const transferId = (number: string): string => `${machine()}/${number}`;
export const originOf = (transfer: string): string => transfer.split("/")[0] ?? "";

function machine(): string {
  const id = existsSync("/etc/machine-id") ? readFileSync("/etc/machine-id", "utf8").trim() : "";
  const host = readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
  return `${host}-${id}`.replace(/[^A-Za-z0-9.-]/g, "");
}

/** Tells a directory from any other that gets its name later; undefined when there is none. */
export function treeMark(name: ServerName): string | undefined {
  const tree = lstatSync(serverDirectory(name), { throwIfNoEntry: false, bigint: true });
  return tree && `${tree.ino}/${tree.birthtimeNs}`;
}

export const roleFile = (name: ServerName): string => join(libraryDirectory(name), "role.json");

export function roleOf(name: ServerName): Role | undefined {
  if (!existsSync(roleFile(name))) return undefined;
  return Object.freeze(JSON.parse(readFileSync(roleFile(name), "utf8")) as Role);
}

export function setRole(name: ServerName, role: Role | undefined): void {
  if (role === undefined) {
    rmSync(roleFile(name), { force: true });
    return;
  }
  mkdirSync(libraryDirectory(name), { recursive: true, mode: 0o700 });
  writeFileSync(`${roleFile(name)}.new`, `${JSON.stringify(role)}\n`, { mode: 0o600, flush: true });
  renameSync(`${roleFile(name)}.new`, roleFile(name));
}

/** Why the server must not run here, and what to do about it; undefined when it may. */
export function reasonToRest(name: ServerName): { readonly cause: string; readonly wayOut: string } | undefined {
  const role = roleOf(name);
  switch (role?.kind) {
    case "standby":
      return { cause: `it is a standby copy of the server on ${role.host}`, wayOut: `vserver ${name} takeover` };
    case "leaving":
      return {
        cause: `it is being moved to ${role.host}`,
        wayOut: `complete that: vserver ${name} move ${role.host}, or undo it with --abort`,
      };
    case "given":
      return { cause: `${role.host} has taken it over`, wayOut: `have ${role.host} sync or move it back` };
    default:
      return undefined;
  }
}

/** @throws VserverError when another machine may run the server and this one may not. */
export function expectHere(name: ServerName): void {
  const reason = reasonToRest(name);
  if (reason !== undefined) throw new VserverError({ object: `vserver ${name}`, attempt: "start it", ...reason });
}
