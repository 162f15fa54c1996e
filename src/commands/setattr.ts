/** `setattr`: marks files as unified, or takes the mark away. */
import { hostContext } from "../context/abi.ts";
import { callKernel } from "../context/call.ts";
import { errnoNumber, SystemCallError } from "../linux/errno.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import { isMarked, isOpenForWriting, mark, unmark } from "../unify/mark.ts";
import { pathBytes, visitFiles } from "../unify/visit.ts";
import type { Command } from "./command.ts";

const tool = "setattr";

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "mark files as unified, so that no server changes what several share",
  synopsis: ["setattr [-R] [-x] --iunlink FILE…", "setattr [-R] [-x] --~iunlink FILE…"],
  description: [
    "While a marked regular file has more than one hard link, no process outside context 0 writes to it, truncates it, or changes its mode, owner, times, attributes or access list, by whatever way (EPERM). It may remove a name of the file, rename it, rename another file over it, and make further links: so a server replaces a shared file as its package manager does, and the others keep theirs. With one link left a marked file is as private as any other.",
    "The mark is an extended attribute, user.vserver.iunlink: tar --xattrs, cp -a and rsync -X keep it, and it survives a restart. It is set and cleared from context 0 alone; root of context 0 is not restrained and can write to a marked file, for all servers at once.",
    "A file that somebody has open for writing, or has mapped so, is left unmarked and named. Of directories nothing is marked but, with -R, the regular files in them; symbolic links are not followed. vunify marks what it links.",
  ],
  options: [
    { flag: "--iunlink", aliases: ["--immulink"], about: "set the mark" },
    { flag: "--~iunlink", aliases: ["--~immulink"], about: "take the mark away" },
    {
      flag: "--immutable",
      about: "nothing more, beside --immulink: in 2003 both together were the mark. Alone it is chattr +i",
    },
    { flag: "-R", about: "of a directory, the files in it and below" },
    { flag: "-x", about: "with -R: enter nothing that is mounted below" },
  ],
  exits: [
    ["0", "all are as they should be"],
    ["1", "some are not: each is named on standard error"],
    ["2", "wrong usage"],
    ["69", "the kernel half, which guards marked files, is not loaded and cannot be: see vkernel check"],
  ],
  examples: [
    {
      command: "setattr --iunlink /vservers/a/usr/bin/perl",
      about: "shared with /vservers/b by ln: now neither changes it",
    },
  ],
  seeAlso: ["showattr(1)", "vunify(8)", "chattr(1)", "ln(1)"],
};

/** Whether to mark or to unmark. */
function wanted(args: Arguments): boolean {
  const set = args.has("--iunlink");
  if (set && args.has("--~iunlink")) throw new UsageError(tool, "--iunlink and --~iunlink exclude each other");
  if (set) return true;
  if (args.has("--immutable")) throw new UsageError(tool, "--immutable needs --immulink; alone it is chattr +i");
  if (!args.has("--~iunlink")) throw new UsageError(tool, "what to set is missing: --iunlink or --~iunlink");
  return false;
}

/** Without the kernel half there is no other context than 0. */
function ownContext(): number {
  try {
    return callKernel({ operation: "QUERY" }).xid;
  } catch (thrown) {
    if (thrown instanceof SystemCallError && thrown.errno === errnoNumber("ENOENT")) return hostContext;
    throw thrown;
  }
}

async function requireContext0(marking: boolean): Promise<void> {
  if (marking) {
    const { ensureLoaded } = await import("../context/load.ts");
    await ensureLoaded(tool);
  }
  if (ownContext() === hostContext) return;
  const cause = "the mark is set and cleared from context 0 only";
  throw new VserverError({ object: tool, attempt: "change the mark", cause, wayOut: "run it on the main server" });
}

/** @returns why the file was left unmarked; undefined when it is marked */
function markQuietFile(descriptor: number): string | undefined {
  const before = isMarked(descriptor);
  mark(descriptor);
  // Not before: who opens it for writing from now on sees the mark, or is seen here.
  if (!isOpenForWriting(descriptor)) return undefined;
  if (!before) unmark(descriptor);
  return "somebody has it open for writing; end that (fuser -v shows who), or leave it unmarked";
}

async function run(args: Arguments): Promise<number> {
  const marking = wanted(args);
  if (args.words.length === 0) throw new UsageError(tool, "a file is missing");
  await requireContext0(marking);
  let complete = true;
  const failed = (path: string, cause: string, wayOut?: string) => {
    complete = false;
    const attempt = `${marking ? "mark" : "unmark"} ${pathBytes(path).toString()}`;
    console.error(
      new VserverError({ object: tool, attempt, cause, ...(wayOut === undefined ? {} : { wayOut }) }).message,
    );
  };
  const reach = { recursive: args.has("-R"), sameMount: args.has("-x") };
  for (const word of args.words) {
    visitFiles(word, reach, {
      failed,
      visit(descriptor, status, path) {
        if (status.isDirectory()) {
          if (!reach.recursive) failed(path, "it is a directory; -R marks the files in it");
          return;
        }
        const left = marking ? markQuietFile(descriptor) : unmark(descriptor);
        if (typeof left === "string") failed(path, left);
      },
    });
  }
  return complete ? 0 : 1;
}

export const command: Command = { manual, run };
