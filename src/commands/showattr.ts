/** `showattr`: which files are marked as unified, or immutable. */
import { type Stats, writeSync } from "node:fs";
import { immutableFlag, inodeFlags } from "../linux/inode-flags.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import { isMarked } from "../unify/mark.ts";
import { pathBytes, visitFiles } from "../unify/visit.ts";
import type { Command } from "./command.ts";

const tool = "showattr";

/** IMMUTABLE_LINK of 2003; as a flag of the inode it had another meaning, on a file system nobody has any more. */
const immutableLink = 0x8000;

const manual: Manual = {
  name: tool,
  section: 1,
  summary: "show which files are marked as unified",
  synopsis: ["showattr [-R] [-a] [-d] [-x] [--letters | --json] FILE…"],
  description: [
    "Prints a line for each FILE: its name, a tab, and the flags of its inode as eight hexadecimal digits. 00008000 is the mark of a unified file (immutable-linkage-invert), 00000010 is immutable; a marked file has both, as in 2003. The others are those of lsattr.",
    "A marked file is guarded while it has more than one link: see setattr(8).",
    "With --letters a line is a field of ten characters and the name: the sixth is U for a marked file, else u; the seventh I for a file whose contents are fixed, by the mark or by chattr +i, else i; - is what the file system, or this version, does not know.",
  ],
  options: [
    { flag: "-R", about: "of a directory also what is in it and below" },
    { flag: "-a", about: "names that begin with a dot too: they always are" },
    { flag: "-d", about: "directories themselves, not what is in them: without -R always so" },
    { flag: "-x", about: "with -R: enter nothing that is mounted below" },
    { flag: "--letters", about: "print letters, as later versions of the tool did" },
    { flag: "--json", about: "print a list of objects: file, flags, marked, links, guarded, immutable" },
  ],
  exits: [
    ["0", "printed"],
    ["1", "some could not be read: each is named on standard error"],
    ["2", "wrong usage"],
  ],
  examples: [{ command: "showattr /usr/bin/perl", about: "prints /usr/bin/perl, a tab and for example 00088010" }],
  seeAlso: ["setattr(8)", "lsattr(1)"],
};

interface Attributes {
  readonly marked: boolean;
  /** Of the inode; undefined where the file system has none. */
  readonly flags: number | undefined;
}

function flagWord({ marked, flags = 0 }: Attributes): number {
  return ((flags & ~immutableLink) | (marked ? immutableLink | immutableFlag : 0)) >>> 0;
}

/** admin, watch, hide, write, barrier, iunlink, immutable, copy on write, context: those of them that there are. */
function letters({ marked, flags }: Attributes): string {
  const immutable = marked || ((flags ?? 0) & immutableFlag) !== 0;
  const iunlink = marked ? "U" : "u";
  const fixed = flags === undefined && !marked ? "-" : immutable ? "I" : "i";
  return `-----${iunlink}${fixed}--`;
}

function print(line: Buffer): void {
  for (let at = 0; at < line.length; ) at += writeSync(1, line, at);
}

function run(args: Arguments): number {
  if (args.words.length === 0) throw new UsageError(tool, "a file is missing");
  if (args.has("-d") && args.has("-R")) throw new UsageError(tool, "-d and -R exclude each other");
  if (args.has("--letters") && args.has("--json")) {
    throw new UsageError(tool, "--letters and --json exclude each other");
  }
  let complete = true;
  const failed = (path: string, cause: string, wayOut?: string) => {
    complete = false;
    const attempt = `read the flags of ${pathBytes(path).toString()}`;
    console.error(
      new VserverError({ object: tool, attempt, cause, ...(wayOut === undefined ? {} : { wayOut }) }).message,
    );
  };
  const objects: object[] = [];
  const visit = (descriptor: number, status: Stats, path: string) => {
    const attributes = { marked: status.isFile() && isMarked(descriptor), flags: inodeFlags(descriptor) };
    const word = flagWord(attributes);
    const name = pathBytes(path);
    if (args.has("--json")) {
      const immutable = ((attributes.flags ?? 0) & immutableFlag) !== 0;
      const { marked } = attributes;
      objects.push({
        file: `${name}`,
        flags: word,
        marked,
        links: status.nlink,
        guarded: marked && status.nlink > 1,
        immutable,
      });
    } else if (args.has("--letters")) print(Buffer.concat([Buffer.from(`${letters(attributes)}  `), name, newLine]));
    else print(Buffer.concat([name, Buffer.from(`\t${word.toString(16).padStart(8, "0")}\n`)]));
  };
  const reach = { recursive: args.has("-R"), sameMount: args.has("-x") };
  for (const word of args.words) visitFiles(word, reach, { failed, visit });
  if (args.has("--json")) console.log(JSON.stringify(objects, null, 2));
  return complete ? 0 : 1;
}

const newLine = Buffer.from("\n");

export const command: Command = { manual, run };
