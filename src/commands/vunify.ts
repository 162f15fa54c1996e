/** vunify: shares equal files between virtual servers through hard links that no server can write to. */
import { configuredServers } from "../server/boot/servers.ts";
import { sizeText } from "../server/build/progress.ts";
import { type ServerName, serverName } from "../server/name.ts";
import type { UnifyResult } from "../server/unify/unify.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Counts } from "../unify/run.ts";
import type { Command } from "./command.ts";
import { marks, protectionOptions, requireProtection } from "./protection.ts";

const tool = "vunify";
const usageExit = 255;

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "share equal files between virtual servers",
  synopsis: [
    "vunify [OPTIONS] REFERENCE SERVER... -- PACKAGE...|ALL",
    "vunify [OPTIONS] --content SERVER...|ALL",
    "vunify --undo [OPTIONS] REFERENCE SERVER... -- PACKAGE...|ALL",
    "vunify --undo [OPTIONS] --content SERVER...|ALL",
  ],
  description: [
    "Replaces files of servers by hard links to equal files of another one: the content is on disk, and in memory while it is used, once. A shared file gets a mark, see setattr(8). While it is marked and has more than one link no server can change it, not even as root; each may remove or replace it, as package managers do, and then has its own.",
    "Files are equal when their content (byte by byte), owner, permissions, time of change and extended attributes are, access control lists and file capabilities among them. The time of the last reading is shared.",
    "By packages, the files of those PACKAGEs are taken that REFERENCE and SERVER have in the same version and architecture, by dpkg's or rpm's database in the server's tree. dpkg's is read directly; rpm's by the main server's rpm, on a copy and without any power. No program of a server is run.",
    "With --content files are compared wherever they are and whoever owns them, between all servers and within each; no server is the reference. Left out are /dev, /home, /proc, /root, /run, /srv, /sys, /tmp, /var and /usr/lib/locale/locale-archive, unless --incldir names them.",
    "Never touched are /etc and, wherever they are, configuration files as the packages name them; files that are open for writing; files with a further name that may not be shared; set-user-ID, set-group-ID and sticky ones, which package managers change before they remove them; empty ones; files that chattr(1) made special; other file systems. A server with a disk limit of its own cannot share files with others: the file system refuses links from one project to another.",
    "Servers may be running. Each file is replaced in one step; a program that has the old one open keeps it. vunify may be killed at any moment: every name then has a file with the right content, and the next run removes what was left in .unify beside the servers.",
    "With --reflink every file stays its server's own, with an inode of its own; equal ones get the same blocks on disk, compared by the kernel. Whoever writes to one gets blocks of his own for that part: nothing is marked, no kernel half is needed, and nothing has to be undone. It saves disk, but neither inodes nor memory, for each file has its own pages there. It needs a file system with reflinks.",
    "Shows on a terminal what it is doing. At the end one line for each server says how many of its names were linked and how much disk space that gave back.",
  ],
  options: [
    { flag: "--content", about: "compare files wherever they are; no packages, no reference" },
    { flag: "--test", about: "change nothing; tell what would be done, and which packages differ" },
    { flag: "--undo", about: "give servers private copies of the files they share" },
    { flag: "--reflink", about: "share blocks, not inodes (btrfs, XFS): nothing has to be protected, less is saved" },
    { flag: "--excldir", value: "DIRECTORY", repeat: true, about: "leave out this directory of each server" },
    { flag: "--incldir", value: "DIRECTORY", repeat: true, about: "take this directory though it would be left out" },
    ...protectionOptions,
    { flag: "--debug", repeat: true, about: "name each package and each file" },
    {
      flag: "--json",
      about:
        "print an object: bytes, and servers with name, linked and already (names), bytes, different, busy, changed, refused (files left)",
    },
  ],
  exits: [
    ["0", "done; that files differ or are in use is no failure"],
    ["69", "the kernel lacks what protects shared files: see vkernel check, or use --noflags"],
    ["129, 130, 143", "ended by SIGHUP, ^C or SIGTERM; what was linked stays linked"],
    ["255", "wrong usage, or something could not be read or linked, and standard error says what"],
  ],
  examples: [
    { command: "vunify --content ALL", about: "Share whatever is equal between all servers." },
    { command: "vunify web1 web2 web3 -- ALL", about: "Share the packages that web1 has with web2 and web3." },
    { command: "vunify --test web1 web2 -- libc6", about: "What would that save?" },
  ],
  seeAlso: ["vserver-build(8)", "vbuild(8)", "vcheck(8)", "vfiles(8)", "vdu(8)", "vserver(8)"],
};

const usage = (complaint: string) => new UsageError(tool, complaint, usageExit);

/** Servers and packages, as the command line has them on both sides of `--`. */
function wanted(args: Arguments): { servers: readonly ServerName[]; packages: readonly string[] | "ALL" | undefined } {
  const after = args.rest ?? [];
  const before = args.words.slice(0, args.words.length - after.length);
  if (args.has("--content")) {
    if (args.rest !== undefined) throw usage("--content takes no packages");
    if (before.length === 0) throw usage("which SERVERs, or ALL?");
    const all = before.length === 1 && before[0] === "ALL";
    return { servers: all ? configuredServers() : unique(before), packages: undefined };
  }
  if (before.length < 2) throw usage("a REFERENCE and a SERVER are needed, or --content");
  if (after.length === 0) throw usage("PACKAGEs or ALL are needed behind --");
  return { servers: unique(before), packages: after.length === 1 && after[0] === "ALL" ? "ALL" : after };
}

function unique(words: readonly string[]): readonly ServerName[] {
  const names = words.map(serverName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw usage(`${twice} is named twice`);
  return names;
}

const plural = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;

const shownSize = (bytes: number) => (bytes < 0 ? `-${sizeText(-bytes)}` : sizeText(bytes));

function summary(label: string, counts: Counts, args: Arguments): string {
  const test = args.has("--test");
  const files = plural(counts.linked, "file", "files");
  const verb = args.has("--undo") ? "made private" : args.has("--reflink") ? "sharing blocks" : "linked";
  const size = args.has("--undo")
    ? `${shownSize(-counts.freed)} ${test ? "needed" : "used"}`
    : `${shownSize(counts.freed)} ${test ? "to save" : "saved"}`;
  const reasons = [
    [counts.left.busy, "open for writing"],
    [counts.left.changed, "changed meanwhile"],
    [counts.left.different, "different"],
    [counts.left.refused, "refused"],
  ] as const;
  const left = reasons.flatMap(([count, reason]) => (count === 0 ? [] : [`${count} ${reason}`]));
  return `${label}: ${files} ${test && !args.has("--reflink") ? "to be " : ""}${verb}, ${size}${left.length === 0 ? "" : `; left: ${left.join(", ")}`}`;
}

function print(result: UnifyResult, args: Arguments): void {
  const rows = [...result.counts];
  const sum = (value: (counts: Counts) => number) => rows.reduce((total, [, counts]) => total + value(counts), 0);
  if (args.has("--json")) {
    const servers = rows.map(([label, { linked, already, freed, left }]) => ({
      ...{ name: label.replace(/^vserver /, ""), linked, already, bytes: freed },
      ...left,
    }));
    console.log(JSON.stringify({ bytes: sum(({ freed }) => freed), servers }, null, 2));
    return;
  }
  for (const [label, counts] of rows) console.log(summary(label, counts, args));
  if (rows.length > 1 && !args.has("--undo")) {
    console.log(`${shownSize(sum(({ freed }) => freed))} ${args.has("--test") ? "to save" : "saved"} in all`);
  }
}

async function run(args: Arguments): Promise<number> {
  const { servers, packages } = wanted(args);
  if (process.getuid?.() !== 0) {
    const wayOut = "become root";
    throw new VserverError({ object: tool, attempt: "unify servers", cause: "only root may", wayOut, exitCode: 255 });
  }
  const reflink = args.has("--reflink");
  if (reflink && args.has("--undo")) throw usage("--reflink has nothing to undo: every file is its server's own");
  const marked = marks(args) && !reflink;
  if (marked && !args.has("--test") && !args.has("--undo")) await requireProtection(tool);
  const { unify } = await import("../server/unify/unify.ts");
  const json = args.has("--json");
  const result = await unify({
    ...{ tool, servers, packages, marks: marked, reflink, test: args.has("--test"), undo: args.has("--undo") },
    rules: { excluded: args.values("--excldir"), included: args.values("--incldir") },
    say: json ? () => {} : console.log,
    eachFile: args.has("--debug"),
    complain: console.error,
  });
  print(result, args);
  return result.complete ? 0 : usageExit;
}

export const command: Command = { manual, run, rules: { usageExit } };
