/** `vserver NAME copy|sync|move|takeover`: a server on more than one machine, and what their tools say to each other. */
import { isPopulated } from "../../server/life/cgroup.ts";
import { isThere } from "../../server/manage/belongings.ts";
import { abortMove, move, sync } from "../../server/move/move.ts";
import { abortReception, beginReception, commitReception } from "../../server/move/receive.ts";
import { remote } from "../../server/move/remote.ts";
import { standbyOrigin, takeover, yieldStatus, yieldTo } from "../../server/move/takeover.ts";
import type { ServerName } from "../../server/name.ts";
import { serverDirectory } from "../../server/paths.ts";
import { UsageError } from "../../text/error.ts";
import type { Manual } from "../../text/manual.ts";
import type { Call } from "./call.ts";
import { subcommandArguments } from "./subcommand.ts";

export const manual: Manual = {
  name: "vserver-move",
  section: 8,
  summary: "move a virtual server to another machine, or keep a copy there",
  synopsis: [
    "vserver NAME move HOST [--keep] [--rsh COMMAND]",
    "vserver NAME move HOST --abort",
    "vserver NAME copy|sync HOST [--rsh COMMAND]",
    "vserver NAME takeover [--force] [--origin HOST] [--rsh COMMAND]",
  ],
  description: [
    "HOST is another machine with vserver and rsync that root reaches by ssh. The tree is sent with its hard links, ACLs, extended attributes, capabilities, holes and numeric owners; the conf file, the scripts and the table of mounts go along.",
    "move sends a running server while it runs, stops it, sends what has changed, starts it there, and deletes it here (with --keep it stays, never to be started). From before it is stopped until it is deleted it cannot be started here: at no moment can both machines run it. A move that was cut off is completed by the same command and sends nothing twice; until it is complete there, --abort undoes it. What has the name by then but is not the tree that was sent is never deleted, and no server is built under the name until the move is complete or forgotten (vserver NAME delete).",
    "sync makes or updates a standby copy there; copy is another word for it. A standby copy is exchanged as a whole when all has arrived, and does not start by itself. A server that runs is copied as a power failure would leave it.",
    "takeover, on the machine with the standby copy, starts it: after the machine it came from (as it was reached from there, or --origin) has said that the server does not run, and has noted that it shall not start. When that machine cannot be asked it wants --force: then only you know that the server does not run there and will not when the machine comes back.",
    "When a taken-over server's first machine is back, sync or move from the new one brings it home.",
  ],
  options: [
    {
      flag: "--rsh",
      value: "COMMAND",
      about: "how to reach HOST; ssh unless said, which ends a minute after the network",
    },
    { flag: "--keep", about: "move: leave the tree here, never to be started" },
    { flag: "--abort", about: "move: undo one that is not complete" },
    { flag: "--force", about: "takeover: go on although the other machine cannot be asked" },
    { flag: "--origin", value: "HOST", about: "takeover: the machine to ask" },
  ],
  exits: [
    ["0", "done"],
    ["1", "it failed, and standard error says why; the same command again goes on"],
    ["2", "wrong usage"],
    ["5", "there is no such server here"],
  ],
  examples: [
    { command: "vserver web1 move root@10.0.0.9", about: "Move it, with a stop of seconds." },
    { command: "vserver web1 sync root@10.0.0.9", about: "From cron: keep a standby copy." },
    { command: "vserver web1 takeover --force", about: "On 10.0.0.9, when the first machine has burnt down." },
  ],
  seeAlso: ["vserver(8)", "rsync(1)", "ssh(1)"],
};

/** The peer of this ssh session, as it can be reached from here. */
const peer = (): string => {
  const [address] = (process.env["SSH_CONNECTION"] ?? "").split(" ");
  if (address === undefined || address === "") return "unknown";
  return address.includes(":") ? `root@[${address}]` : `root@${address}`;
};

/** What the other end asks of us: `receive begin|commit|abort TRANSFER [KIND]`. */
export async function receiveAction(call: Call): Promise<number> {
  const { name } = call;
  const [word, transfer = "", kind] = call.words;
  if (!/^[A-Za-z0-9.-]+\/[a-z0-9-]+$/.test(transfer)) throw new UsageError("vserver", `${name} receive: no transfer`);
  if (word === "begin") {
    console.log(JSON.stringify(await beginReception(name, transfer)));
    return 0;
  }
  if (word === "commit" && (kind === "standby" || kind === "arrived")) {
    await commitReception(name, transfer, peer(), kind);
    return 0;
  }
  if (word !== "abort") throw new UsageError("vserver", `${name} receive: begin, commit or abort?`);
  if (await abortReception(name, transfer)) return 0;
  console.error(`vserver ${name}: cannot undo the move: it is complete here; complete it there as well`);
  return 1;
}

/** What a standby machine asks of us before it takes over. */
export async function yieldAction(call: Call): Promise<number> {
  if (!isThere(serverDirectory(call.name))) return yieldStatus.unknown;
  return !isPopulated(call.name) && (await yieldTo(call.name, peer())) ? 0 : yieldStatus.runs;
}

const object = (name: ServerName): string => `vserver ${name}`;

export async function moveAction(call: Call, word: "copy" | "sync" | "move" | "takeover"): Promise<number> {
  const { name } = call;
  const args = subcommandArguments(manual, name, call.words);
  if (args === undefined) return 0;
  const print = (line: string) => {
    if (!call.silent) console.log(line);
  };
  const [host, ...more] = args.words;
  if (more.length > 0) throw new UsageError(`vserver ${name} ${word}`, `${more[0]} is one word too many`);
  if (word === "takeover") {
    if (host !== undefined) throw new UsageError(`vserver ${name} takeover`, "say --origin HOST");
    const origin = remote(object(name), args.value("--origin") ?? standbyOrigin(name), args.value("--rsh"));
    await takeover(name, origin, { print, force: args.has("--force") });
    return 0;
  }
  if (host === undefined) throw new UsageError(`vserver ${name} ${word}`, "a HOST is needed");
  const there = remote(object(name), host, args.value("--rsh"));
  const options = { print, keep: args.has("--keep") };
  if (word !== "move") await sync(name, there, options);
  else if (args.has("--abort")) await abortMove(name, there);
  else await move(name, there, options);
  return 0;
}
