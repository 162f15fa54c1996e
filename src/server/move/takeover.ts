/** A standby copy becomes the server: after the machine it is a copy from has said that it does not run it any more. */
import { VserverError } from "../../text/error.ts";
import { withLock } from "../life/lock.ts";
import { isStanding } from "../life/phase.ts";
import { readServer, rootOnly } from "../life/server.ts";
import { start } from "../life/start.ts";
import type { ServerName } from "../name.ts";
import { askThere, type Remote, unreachable } from "./remote.ts";
import { roleOf, setRole } from "./role.ts";

/** Exit statuses of `vserver NAME yield`, besides 0. */
export const yieldStatus = { runs: 4, unknown: 5 } as const;

const refuse = (name: ServerName, cause: string, wayOut: string): VserverError =>
  new VserverError({ object: `vserver ${name}`, attempt: "take it over", cause, wayOut });

/** On the machine that loses it: notes that it does not start here any more. @returns false while it runs */
export async function yieldTo(name: ServerName, host: string): Promise<boolean> {
  return withLock(name, async () => {
    if (isStanding(name)) return false;
    if (roleOf(name)?.kind !== "standby") setRole(name, { kind: "given", host });
    return true;
  });
}

export interface TakeoverOptions {
  readonly print: (line: string) => void;
  /** Nobody can be asked, and whoever calls knows that it does not run elsewhere. */
  readonly force: boolean;
}

/** The origin of a standby copy, as ssh reached us from there. @throws VserverError when it is no standby copy. */
export function standbyOrigin(name: ServerName): string {
  const role = roleOf(name);
  if (role?.kind === "standby") return role.host;
  throw refuse(name, "it is no standby copy", "vserver NAME sync HOST makes one, on the machine that has the server");
}

async function expectYielded(name: ServerName, origin: Remote, options: TakeoverOptions): Promise<void> {
  const { status, err } = await askThere(
    origin,
    `vserver ${name}`,
    [name, "yield"],
    [0, yieldStatus.runs, yieldStatus.unknown, unreachable],
  );
  if (status === 0 || status === yieldStatus.unknown) return;
  if (status === yieldStatus.runs)
    throw refuse(name, `it runs on ${origin.host}`, "move it from there, or stop it there");
  if (options.force) {
    options.print(`Nobody on ${origin.host} can be asked (${err.trim().split("\n").at(-1) ?? ""}); going on`);
    return;
  }
  const wayOut = "make sure that it does not run there and will not, then say --force";
  throw refuse(name, `${origin.host} cannot be asked: ${err.trim().split("\n").at(-1) ?? ""}`, wayOut);
}

/** @throws VserverError while it may run elsewhere. */
export async function takeover(name: ServerName, origin: Remote, options: TakeoverOptions): Promise<void> {
  rootOnly(name, "take it over");
  standbyOrigin(name);
  await expectYielded(name, origin, options);
  setRole(name, undefined);
  await start(readServer(name), { noDevices: false, print: options.print });
}
