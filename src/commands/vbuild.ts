/** vbuild: makes a directory tree that shares files with another one; vserver build --method clone --unify without the server. */
import { basename, dirname, resolve } from "node:path";
import { beneath } from "../linux/beneath.ts";
import { serverName } from "../server/name.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { ReplicaStats } from "../unify/replicate.ts";
import type { Command } from "./command.ts";
import { marks, protectionOptions, requireProtection } from "./protection.ts";

const tool = "vbuild";
const usageExit = 255;

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "make a tree that shares its files with another one",
  synopsis: ["vbuild [OPTIONS] REFERENCE_DIRECTORY NEW_DIRECTORY"],
  description: [
    "Makes NEW_DIRECTORY, which must not exist or be empty, like REFERENCE_DIRECTORY: directories, symbolic links and pipes are made again, files are hard links to those of REFERENCE_DIRECTORY, marked as vunify(8) does. Configuration, state, and what is open for writing are copied: see vunify(8) --content for what that is. Sockets, mounts and devices are left out; /dev gets null, zero, full, random, urandom, tty and ptmx.",
    "The tree is made beside its name and renamed when it is complete. It must be on the file system of REFERENCE_DIRECTORY; on another one everything is copied.",
    "To make a server use vserver NAME build --method clone --unify, which gives it a name, keys and a conf file of its own.",
  ],
  options: [
    { flag: "--test", about: "make nothing; print what would be made" },
    { flag: "--stats", about: "print what was made" },
    { flag: "--debug", repeat: true, about: "name each file, and whether it was linked or copied" },
    {
      flag: "--excldir",
      value: "DIRECTORY",
      repeat: true,
      about: "make this directory and those below, without files",
    },
    ...protectionOptions,
    { flag: "--json", about: "print what was made as an object" },
  ],
  exits: [
    ["0", "the tree is there, or could be"],
    ["69", "the kernel lacks what protects shared files: see vkernel check, or use --noflags"],
    ["129, 130, 143", "ended by SIGHUP, ^C or SIGTERM; nothing is left"],
    ["255", "it is not, and standard error says why; or wrong usage"],
  ],
  examples: [{ command: "vbuild --stats --excldir /var/log /vservers/web1 /vservers/web2", about: "As in 2003." }],
  seeAlso: ["vunify(8)", "vserver-build(8)", "vdu(8)"],
};

/** The words of 2003. */
const rows: readonly (readonly [keyof ReplicaStats, string])[] = [
  ["directories", "Directory created"],
  ["copied", "Files copied"],
  ["bytes", "Bytes copied"],
  ["linked", "Files linked"],
  ["symlinks", "Files symlinked"],
  ["special", "Special files"],
];

function print(stats: ReplicaStats, args: Arguments): void {
  if (args.has("--json")) console.log(JSON.stringify(stats, null, 2));
  else if (args.has("--stats") || args.has("--test"))
    for (const [key, label] of rows) console.log(`${label.padEnd(18)}: ${stats[key]}`);
}

async function make(source: string, target: string, args: Arguments): Promise<ReplicaStats> {
  const { closeStaging, expectFree, openStaging, publish } = await import("../server/build/staging.ts");
  const { Interrupt } = await import("../server/build/interrupt.ts");
  const { Progress } = await import("../server/build/progress.ts");
  const { makeDevices } = await import("../server/build/devices.ts");
  const { foreseeReplica, replicate } = await import("../server/unify/replica.ts");
  const [object, root] = [`${tool} ${target}`, dirname(target)];
  expectFree(object, root, target);
  const interrupt = new Interrupt(object);
  const progress = new Progress(tool);
  const replica = {
    ...{ label: tool, source, emptied: args.values("--excldir"), complain: console.error, marks: marks(args) },
    ...(args.has("--debug") ? { made: (how: string, path: string) => console.log(`${how} ${path}`) } : {}),
    breathe: (done: number, total: number) => {
      interrupt.check();
      progress.amount(done, Math.max(done, total), "files");
    },
  };
  try {
    if (args.has("--test")) return await foreseeReplica({ ...replica, target: root });
    const request = JSON.stringify([tool, source, args.values("--excldir"), marks(args)]);
    const staging = await openStaging(object, root, serverName(basename(target)), request);
    try {
      progress.phase(`linking ${source}`);
      const stats = await replicate({ ...replica, target: staging.tree });
      const refused = beneath(staging.tree, (tree) => (tree.exists("dev") ? makeDevices(tree) : undefined));
      if (refused !== undefined) console.error(refused.message);
      publish(object, staging, target);
      return stats;
    } finally {
      closeStaging(staging);
    }
  } finally {
    progress.clear();
    interrupt.stop();
  }
}

async function run(args: Arguments): Promise<number> {
  const [source, target, ...more] = args.words;
  if (source === undefined || target === undefined || more.length > 0) {
    throw new UsageError(tool, "a REFERENCE_DIRECTORY and a NEW_DIRECTORY are needed", usageExit);
  }
  if (process.getuid?.() !== 0) {
    const wayOut = "become root";
    throw new VserverError({
      object: tool,
      attempt: "make a tree",
      cause: "only root may",
      wayOut,
      exitCode: usageExit,
    });
  }
  if (marks(args) && !args.has("--test")) await requireProtection(tool);
  try {
    print(await make(resolve(source), resolve(target), args), args);
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof VserverError) || thrown.exitCode !== 1) throw thrown;
    throw new VserverError({ ...thrown.failure, exitCode: usageExit });
  }
}

export const command: Command = { manual, run, rules: { usageExit } };
