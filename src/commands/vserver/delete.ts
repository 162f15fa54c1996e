/** `vserver NAME delete`: asks, stops the server, and removes everything that is its own. */
import { noSuchServer } from "../../server/conf/read.ts";
import { isPopulated } from "../../server/life/cgroup.ts";
import { isStanding } from "../../server/life/phase.ts";
import { readServerToStop } from "../../server/life/server.ts";
import { stop } from "../../server/life/stop.ts";
import { deleteServer, isKnown } from "../../server/manage/delete.ts";
import { serverDirectory } from "../../server/paths.ts";
import { canAsk, confirmed } from "../../text/ask.ts";
import { UsageError, VserverError } from "../../text/error.ts";
import type { Manual } from "../../text/manual.ts";
import type { Call } from "./call.ts";
import { subcommandArguments } from "./subcommand.ts";

export const manual: Manual = {
  name: "vserver-delete",
  section: 8,
  summary: "delete a virtual server",
  synopsis: ["vserver NAME delete [--yes]"],
  description: [
    "Stops the server if it runs, and removes its tree, its conf file, its scripts and its table of mounts, and what verify remembers of it. It asks first.",
    "Nothing is removed while anything is mounted in the tree. A deletion that was interrupted is completed by the same command.",
  ],
  options: [{ flag: "--yes", aliases: ["-y"], about: "do not ask" }],
  exits: [
    ["0", "it is gone"],
    ["1", "it is not, and standard error says why"],
    ["2", "wrong usage, or the answer was not yes: nothing was done"],
    ["5", "there is nothing of a server of that name"],
  ],
  examples: [{ command: "vserver web1 delete --yes", about: "Delete it without a question." }],
  seeAlso: ["vserver(8)", "vserver-build(8)"],
};

export async function deleteAction(call: Call): Promise<number> {
  const { name } = call;
  const args = subcommandArguments(manual, name, call.words);
  if (args === undefined) return 0;
  if (args.words.length > 0) throw new UsageError(`vserver ${name} delete`, `${args.words[0]} is one word too many`);
  if (!isKnown(name)) {
    const cause = "there is no such server";
    const wayOut = "see vserver list";
    throw new VserverError({ object: `vserver ${name}`, attempt: "delete it", cause, wayOut, exitCode: noSuchServer });
  }
  if (!args.has("--yes")) {
    if (!canAsk()) throw new UsageError(`vserver ${name} delete`, "there is no terminal to ask on; say --yes");
    const state = isPopulated(name) ? "which is running, " : "";
    if (!(await confirmed(`Delete ${name}, ${state}with all files in ${serverDirectory(name)}?`))) return 2;
  }
  const print = (line: string) => {
    if (!call.silent) console.log(line);
  };
  if (isStanding(name)) await stop(readServerToStop(name), { print });
  await deleteServer(name);
  print(`Server ${name} is deleted`);
  return 0;
}
