/** `vps`: ps in context 1, with the context of every process beside its number. */
import { isatty } from "node:tty";
import { spectatorContext } from "../context/abi.ts";
import { processes } from "../context/lists.ts";
import { becomeSpectator } from "../context/spectator.ts";
import { contextNames } from "../server/names.ts";
import type { Arguments } from "../text/arguments.ts";
import { VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import { type ContextLabel, insertContexts, insertedWidth, processRows } from "../text/pstable.ts";
import type { Command } from "./command.ts";

const tool = "vps";
/** Our own failures; ps itself uses 0 and 1. */
const ownFailure = 254;

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "list the processes of all contexts",
  synopsis: ["vps [--json] [options of ps]"],
  description: [
    "Runs ps in context 1, which sees every process and can touch none, and puts a column CONTEXT right after the column PID: the context's number and its name, which is MAIN for the main server (0), ALL_PROCS for context 1, the name of the virtual server, or UNKNOWN. The context is the second word of a line of vps ax. Output without a PID column is passed on as it is.",
    "A process that ended while ps was running has the context -1. Root of the main server only.",
  ],
  options: [
    {
      flag: "--json",
      about:
        "print a list of objects: pid, context, name, and the columns of ps by their titles in small letters. Of the columns only the last may hold blanks",
    },
  ],
  exits: [
    [String(ownFailure), "ps could not be started in context 1, or with --json printed no PID column"],
    ["other", "the exit status of ps: 1 when no process was selected"],
  ],
  examples: [
    { command: "vps ax", about: "every process of the machine" },
    { command: "vps axo user,pid,args --sort=-rss", about: "any format with a PID column" },
  ],
  seeAlso: ["ps(1)", "vtop(8)", "vpstree(8)", "vkill(8)", "vserver-stat(8)"],
};

type Labels = Map<number, ContextLabel>;

/** The contexts of all processes there are now. */
function readLabels(into: Labels): void {
  const nameOf = contextNames();
  for (const { pid, xid } of processes()) into.set(pid, { id: xid, name: nameOf(xid) });
}

/** The width ps may use, where it has a terminal to fill. */
function columns(labels: Labels): Readonly<Record<string, string>> {
  const given = Number(process.env["COLUMNS"]) || (isatty(1) ? process.stdout.columns : 0);
  return given > 0 ? { COLUMNS: String(Math.max(given - insertedWidth(labels.values()), 1)) } : {};
}

function startPs(words: readonly string[], environment: Readonly<Record<string, string>>) {
  try {
    return Bun.spawn(["ps", ...words], {
      stdio: ["inherit", "pipe", "inherit"],
      env: { ...process.env, ...environment },
    });
  } catch {
    const wayOut = "install it (Debian: apt install procps), or look at PATH";
    throw new VserverError({ object: tool, attempt: "run ps", cause: "no such program", wayOut, exitCode: ownFailure });
  }
}

function listText(output: string, labelOf: (pid: number) => ContextLabel): string {
  const rows = processRows(output, labelOf);
  if (rows !== undefined) return JSON.stringify(rows, null, 2);
  throw new VserverError({
    object: tool,
    attempt: "make a list of what ps printed",
    cause: "it has no PID column",
    wayOut: "choose a format with pid",
    exitCode: ownFailure,
  });
}

async function run(args: Arguments): Promise<number> {
  // Behind "--" nothing is an option of ours any more.
  const words = [...(args.has("--json") ? ["--json"] : []), "--", ...args.words];
  await becomeSpectator(tool, words, ownFailure);
  const labels: Labels = new Map();
  readLabels(labels);
  const ps = startPs(args.words, columns(labels));
  labels.set(ps.pid, { id: spectatorContext, name: "ALL_PROCS" });
  const output = await new Response(ps.stdout).text();
  readLabels(labels);
  const status = await ps.exited;
  const labelOf = (pid: number) => labels.get(pid) ?? { id: -1, name: "UNKNOWN" };
  if (args.has("--json")) console.log(listText(output, labelOf));
  else if (output !== "") console.log(insertContexts(output.replace(/\n$/, ""), labelOf));
  return ps.signalCode === null ? status : 128 + status;
}

export const command: Command = { manual, run, rules: { foreignOptions: true, usageExit: ownFailure } };
