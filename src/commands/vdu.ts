/** `vdu`: what a directory occupies by itself, without the files it shares with others through hard links. */
import { walkTree } from "../linux/tree.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

const usageExit = 255;

const manual: Manual = {
  name: "vdu",
  section: 8,
  summary: "tell how much space a directory takes by itself",
  synopsis: ["vdu [--allocated] [--json] DIRECTORY…"],
  description: [
    "Adds up the sizes of the regular files in each DIRECTORY that have one link only: of a unified server, what it costs beside the files it shares. The size of a file is its length (holes count), unless --allocated is given. Other file systems and symbolic links below DIRECTORY are not followed.",
    "Prints a line for each DIRECTORY: its name, a tab, and the sum in units of 1024 bytes, rounded down, with a K.",
  ],
  options: [
    { flag: "--allocated", about: "add up what the files have on disk, not how long they are" },
    {
      flag: "--json",
      about: "print a list of objects: directory, bytes, kilobytes (of 1024 bytes), allocated (bytes)",
    },
  ],
  exits: [
    ["0", "everything was read"],
    ["255", "wrong usage, or something could not be read; the sums are of the rest"],
  ],
  examples: [{ command: "vdu /vservers/web1", about: "prints /vservers/web1, a tab and for example 38412K" }],
  seeAlso: ["du(1)", "vserver(8)"],
};

interface Sizes {
  bytes: number;
  /** On disk. */
  allocated: number;
}

/** What the files with one link below `directory` take; calls `failed` for what cannot be read. */
function ownSizes(directory: string, failed: (path: string, cause: string) => void): Sizes {
  const sum = { bytes: 0, allocated: 0 };
  const file = (size: number, links: number, allocated: number) => {
    if (links !== 1) return;
    sum.bytes += size;
    sum.allocated += allocated;
  };
  walkTree(directory, { file, failed });
  return sum;
}

const kilobytes = (bytes: number) => Math.floor(bytes / 1024);

function run(args: Arguments): number {
  if (args.words.length === 0) throw new UsageError("vdu", "a directory is missing", usageExit);
  let complete = true;
  const failed = (path: string, cause: string) => {
    complete = false;
    console.error(new VserverError({ object: "vdu", attempt: `read ${path}`, cause }).message);
  };
  const sums: object[] = [];
  for (const directory of args.words) {
    const { bytes, allocated } = ownSizes(directory, failed);
    if (args.has("--json")) sums.push({ directory, bytes, kilobytes: kilobytes(bytes), allocated });
    else console.log(`${directory}\t${kilobytes(args.has("--allocated") ? allocated : bytes)}K`);
  }
  if (args.has("--json")) console.log(JSON.stringify(sums, null, 2));
  return complete ? 0 : usageExit;
}

export const command: Command = { manual, run, rules: { usageExit } };
