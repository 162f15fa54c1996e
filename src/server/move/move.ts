/** The sending end of copy, sync and move: at every moment at most one machine may run the server, whatever is cut off where. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { runDirectory } from "../../context/rundir.ts";
import { tryLock } from "../../linux/lock.ts";
import { VserverError } from "../../text/error.ts";
import { isPopulated } from "../life/cgroup.ts";
import { isStanding } from "../life/phase.ts";
import { readServer, readServerToStop, rootOnly } from "../life/server.ts";
import { stop } from "../life/stop.ts";
import { deleteServer } from "../manage/delete.ts";
import type { ServerName } from "../name.ts";
import { confDirectory, serverDirectory } from "../paths.ts";
import { type Reception, settingsOf } from "./receive.ts";
import { askThere, type Remote, ship } from "./remote.ts";
import { expectHere, type Role, roleFile, roleOf, setRole, transferId, treeMark } from "./role.ts";

export interface MoveOptions {
  readonly print: (line: string) => void;
  /** The tree stays here, never to be started. */
  readonly keep: boolean;
}

const object = (name: ServerName): string => `vserver ${name}`;

/** One transfer of a server at a time; it may take hours, and other commands go on meanwhile. */
async function alone<Result>(name: ServerName, work: () => Promise<Result>): Promise<Result> {
  rootOnly(name, "send it");
  mkdirSync(join(runDirectory, ".lock"), { recursive: true, mode: 0o700 });
  const unlock = tryLock(join(runDirectory, ".lock", `.${name}.moving`));
  if (unlock !== undefined) return work().finally(unlock);
  const cause = "another transfer of it is at work";
  throw new VserverError({ object: object(name), attempt: "send it", cause, wayOut: "wait for it, or end it" });
}

/** What is said there is a word of our own program: nothing else is taken for it. */
function reception(name: ServerName, host: string, text: string): Reception {
  const said = JSON.parse(text) as Partial<Reception>;
  const paths = [said.tree, said.settings, ...(said.likeness === undefined ? [] : [said.likeness])];
  const right = paths.every((path) => typeof path === "string" && /^\/[A-Za-z0-9_./-]+$/.test(path));
  if (right && (said.state === "open" || said.state === "arrived")) return said as Reception;
  throw new VserverError({ object: object(name), attempt: `understand ${host}`, cause: "its answer is not ours" });
}

const ask = (there: Remote, name: ServerName, ...words: readonly string[]) =>
  askThere(there, object(name), [name, ...words]);

async function begin(there: Remote, name: ServerName, transfer: string): Promise<Reception> {
  return reception(name, there.host, (await ask(there, name, "receive", "begin", transfer)).out);
}

async function send(there: Remote, name: ServerName, to: Reception): Promise<void> {
  const { likeness } = to;
  await ship(there, name, {
    from: serverDirectory(name),
    to: to.tree,
    ...(likeness === undefined ? {} : { likeness }),
  });
  const wanted = settingsOf(name).filter((file) => existsSync(join(confDirectory(), file)));
  const rules = wanted.flatMap((file) => [`/${file}`, `/${file}/**`]);
  await ship(there, name, { from: confDirectory(), to: to.settings, includes: rules });
}

/** A copy there that is kept, and can be started there by takeover alone. */
export async function sync(name: ServerName, there: Remote, options: MoveOptions): Promise<void> {
  await alone(name, async () => {
    readServer(name);
    expectHere(name);
    const transfer = transferId("sync");
    const to = await begin(there, name, transfer);
    await send(there, name, to);
    await ask(there, name, "receive", "commit", transfer, "standby");
    options.print(`Server ${name} has a standby copy on ${there.host}`);
  });
}

type Leaving = Role & { readonly kind: "leaving" };

/** The end of a move deletes the tree: never another that has the name by now. @throws VserverError for such a one. */
function expectSameTree(name: ServerName, { host, tree }: Leaving): void {
  const present = treeMark(name);
  if (tree === undefined || present === undefined || present === tree) return;
  const cause = `${serverDirectory(name)} is not the tree whose move was cut off`;
  const wayOut = `see whether ${host} has the server; where this is another one, remove ${roleFile(name)}`;
  throw new VserverError({ object: object(name), attempt: "complete the move", cause, wayOut });
}

/** Sends it while it runs, then stops it: what changed meanwhile is little. */
async function leave(name: ServerName, there: Remote): Promise<Leaving> {
  const present = roleOf(name);
  if (present?.kind === "leaving") {
    if (present.host !== there.host) expectHere(name);
    expectSameTree(name, present);
    return present;
  }
  expectHere(name);
  readServer(name);
  const transfer = transferId(Bun.randomUUIDv7());
  const running = isPopulated(name);
  if (running) await send(there, name, await begin(there, name, transfer));
  const tree = treeMark(name);
  const role = { kind: "leaving", host: there.host, transfer, running, ...(tree && { tree }) } as const;
  // From here on it does not start here any more, unless the move is undone.
  setRole(name, role);
  return role;
}

/** Moves it; the same command completes a move that was cut off, be it while what is left here was being deleted. */
export async function move(name: ServerName, there: Remote, options: MoveOptions): Promise<void> {
  await alone(name, async () => {
    const role = await leave(name, there);
    if (isStanding(name)) await stop(readServerToStop(name), { print: options.print });
    const to = await begin(there, name, role.transfer);
    if (to.state === "open") {
      await send(there, name, to);
      await ask(there, name, "receive", "commit", role.transfer, "arrived");
    }
    if (role.running) await ask(there, name, "start");
    if (!options.keep) await deleteServer(name);
    options.print(`Server ${name} is on ${there.host}${role.running ? ", and runs" : ""}`);
  });
}

/** Undoes a move that was begun. @throws VserverError when it is complete there, or nobody there can say. */
export async function abortMove(name: ServerName, there: Remote): Promise<void> {
  await alone(name, async () => {
    const role = roleOf(name);
    if (role?.kind !== "leaving" || role.host !== there.host) {
      const cause = `it is not being moved to ${there.host}`;
      throw new VserverError({ object: object(name), attempt: "undo the move", cause, wayOut: "see vserver list" });
    }
    await ask(there, name, "receive", "abort", role.transfer);
    setRole(name, undefined);
  });
}
