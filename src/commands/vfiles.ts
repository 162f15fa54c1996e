/** vfiles: which files of a tree cannot be shared with another one. */
import type { Arguments } from "../text/arguments.ts";
import { UsageError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

const tool = "vfiles";
const usageExit = 255;

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "list what a virtual server has for itself",
  synopsis: ["vfiles [--ignorelink] REFERENCE SERVER"],
  description: [
    "Prints the paths in SERVER of what vunify(8) cannot share with REFERENCE by packages: files that belong to no package, or to none that both have in the same version; configuration; symbolic links; devices, pipes and sockets. Each of the two is the name of a server, or a directory with a slash in it. Other file systems mounted in SERVER are not looked at.",
    "What is worth a backup of a server that can be built again from packages is among these.",
  ],
  options: [
    { flag: "--ignorelink", about: "leave out symbolic links" },
    { flag: "--debug", repeat: true, about: "say behind each path why it is listed" },
  ],
  exits: [
    ["0", "listed"],
    ["255", "wrong usage, or something could not be read, and standard error says what"],
  ],
  examples: [
    { command: "vfiles --ignorelink web1 web2", about: "What does web2 have that web1 and its packages do not?" },
  ],
  seeAlso: ["vunify(8)", "vcheck(8)"],
};

async function run(args: Arguments): Promise<number> {
  const [reference, listed, ...more] = args.words;
  if (reference === undefined || listed === undefined || more.length > 0) {
    throw new UsageError(tool, "a REFERENCE and a SERVER are needed", usageExit);
  }
  const { openNamed } = await import("../server/unify/named.ts");
  const { ownFiles } = await import("../server/unify/own.ts");
  let complete = true;
  const failed = (path: string, cause: string) => {
    complete = false;
    console.error(`${tool}: cannot read ${path}: ${cause}`);
  };
  for (const { path, reason } of ownFiles(await openNamed(reference), await openNamed(listed), failed)) {
    if (reason === "link" && args.has("--ignorelink")) continue;
    console.log(args.has("--debug") ? `${path}\t${reason}` : path);
  }
  return complete ? 0 : usageExit;
}

export const command: Command = { manual, run, rules: { usageExit } };
