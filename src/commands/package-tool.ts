/** vrpm, vdpkg and vapt: the same package command in several servers, by each server's own tool. */
import { configuredServers } from "../server/boot/servers.ts";
import { type ServerName, serverName } from "../server/name.ts";
import type { PackageTool, Updated } from "../server/packages/update.ts";
import type { Arguments } from "../text/arguments.ts";
import { explain, UsageError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

export interface PackageCommand extends PackageTool {
  readonly name: string;
  readonly example: string;
}

const manual = ({ name, program, suffix, example }: PackageCommand): Manual => ({
  name,
  section: 8,
  summary: `run ${program} in several virtual servers`,
  synopsis: [`${name} [--unify] SERVER...|ALL -- ARGUMENTS`],
  description: [
    `Runs ${program} with these ARGUMENTS in each SERVER, or in all that have a conf file, one after the other. It is the server's own ${program}, in the server's context and with its powers: neither it nor the scripts of a package can do more than the server's root.`,
    `ARGUMENTS that end with ${suffix} and are files here are copied into the server for the time of the command. A server that is not running is set up for the command, without its services.`,
    "With --unify, what was installed or updated in any of them is shared afterwards between all that have it in the same version by then, as vunify(8) does, the first SERVER being the reference; files below /var/log are left out.",
  ],
  options: [{ flag: "--unify", about: "share the new files between the servers" }],
  exits: [
    ["0", `every ${program} ended with 0`],
    ["255", "wrong usage"],
    [
      "other",
      `the status of the first ${program} that did not, or 1 when it could not be run; the other servers had their turn`,
    ],
  ],
  examples: [{ command: example, about: "Update a package everywhere, and keep it on disk once." }],
  seeAlso: ["vunify(8)", "vcheck(8)", "vserver(8)"],
});

const usageExit = 255;

function wanted(tool: string, args: Arguments): { servers: readonly ServerName[]; words: readonly string[] } {
  const words = args.rest ?? [];
  const before = args.words.slice(0, args.words.length - words.length);
  if (before.length === 0) throw new UsageError(tool, "no server specified", usageExit);
  if (words.length === 0) throw new UsageError(tool, "ARGUMENTS are needed behind --", usageExit);
  const all = before.length === 1 && before[0] === "ALL";
  return { servers: all ? configuredServers() : [...new Set(before.map(serverName))], words };
}

/** What a server has got and is there in the same version in the first and in another: the rest cannot be shared. */
function shareable(all: readonly Updated[]): readonly string[] {
  const [reference, ...others] = all;
  if (reference === undefined) return [];
  const changed = new Set(all.flatMap((one) => one.changed));
  return [...changed].filter((key) => {
    const version = reference.installed.get(key);
    return version !== undefined && others.some(({ installed }) => installed.get(key) === version);
  });
}

async function unifyChanged(
  tool: string,
  servers: readonly ServerName[],
  packages: readonly string[],
): Promise<number> {
  console.log("Unification");
  const { unify } = await import("../server/unify/unify.ts");
  const { complete } = await unify({
    ...{ tool, servers, packages, marks: true, reflink: false },
    ...{ test: false, undo: false, eachFile: false },
    rules: { excluded: ["/var/log"], included: [] },
    say: console.log,
    complain: console.error,
  });
  return complete ? 0 : 1;
}

export function packageCommand(tool: PackageCommand): Command {
  const run = async (args: Arguments): Promise<number> => {
    const { servers, words } = wanted(tool.name, args);
    const { requireRoot } = await import("../context/spectator.ts");
    if (args.has("--unify")) await requireRoot(tool.name, "unify servers");
    const { updatePackages } = await import("../server/packages/update.ts");
    let status = 0;
    const done: { readonly server: ServerName; readonly updated: Updated }[] = [];
    for (const server of servers) {
      console.log(`Updating server ${server}`);
      try {
        const updated = await updatePackages(server, tool, words);
        done.push({ server, updated });
        status ||= updated.status;
      } catch (thrown) {
        console.error(explain(thrown).line);
        status ||= explain(thrown).exitCode;
      }
    }
    const common = shareable(done.map(({ updated }) => updated));
    if (args.has("--unify") && common.length > 0) {
      const united = done.map(({ server }) => server);
      status = (await unifyChanged(tool.name, united, common)) || status;
    }
    return status;
  };
  return { manual: manual(tool), run, rules: { usageExit } };
}
