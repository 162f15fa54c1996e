/** `vserver NAME verify`. */
import { changedFiles, recordFiles } from "../../server/manage/verify.ts";
import { UsageError } from "../../text/error.ts";
import type { Manual } from "../../text/manual.ts";
import type { Call } from "./call.ts";
import { subcommandArguments } from "./subcommand.ts";

/** As `diff`: a difference is no failure. */
const changed = 4;

export const manual: Manual = {
  name: "vserver-verify",
  section: 8,
  summary: "say which files of a virtual server have changed",
  synopsis: ["vserver NAME verify --record", "vserver NAME verify"],
  description: [
    "--record writes down what the server's files are: type, owner, mode, size, times, links, ACLs, attributes, capabilities, contents (SHA-256). Without it they are compared with that record, and what was added, removed or changed is printed. aide(1) does both, on the main server: root of the server can alter neither the record, in /var/lib/vserver/NAME, nor what compares.",
    "What changes by itself is left out: /tmp, /var/tmp, /run, /var/cache, /var/spool, and what is in /var/log. Rules of your own, in the syntax of aide.conf(5) with paths as the server has them, go into /etc/vservers/NAME.aide.",
    "Record again after every change that you made yourself, such as an update.",
  ],
  options: [{ flag: "--record", about: "record the files as they are now" }],
  exits: [
    ["0", "recorded; nothing has changed"],
    ["1", "it failed, and standard error says why"],
    ["2", "wrong usage"],
    [String(changed), "something has changed"],
  ],
  examples: [
    { command: "vserver web1 verify --record", about: "After an update." },
    { command: "vserver web1 verify", about: "From cron: its output is what has changed." },
  ],
  seeAlso: ["vserver(8)", "aide(1)", "aide.conf(5)"],
};

export async function verifyAction(call: Call): Promise<number> {
  const { name } = call;
  const args = subcommandArguments(manual, name, call.words);
  if (args === undefined) return 0;
  if (args.words.length > 0) throw new UsageError(`vserver ${name} verify`, `${args.words[0]} is one word too many`);
  if (args.has("--record")) {
    await recordFiles(name);
    return 0;
  }
  const lines = await changedFiles(name);
  // Names are the server's: none of them may steer the terminal.
  for (const line of lines) console.log(line.replace(/[^\P{Cc}\t]/gu, "?"));
  return lines.length === 0 ? 0 : changed;
}
