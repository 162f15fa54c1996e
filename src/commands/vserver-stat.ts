/** `vserver-stat`: a line for each context that has processes, with what they use. */
import { hostContext, spectatorContext } from "../context/abi.ts";
import { processes } from "../context/lists.ts";
import { becomeSpectator, requireRoot } from "../context/spectator.ts";
import { bootTime, processTimes } from "../linux/procstat.ts";
import { readServerConf } from "../server/conf/read.ts";
import type { ServerName } from "../server/name.ts";
import { serversByContext } from "../server/names.ts";
import { sizeText, timeText } from "../text/amount.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import { statTable } from "../text/stattable.ts";
import type { Command } from "./command.ts";

const tool = "vserver-stat";
const ownFailure = 1;

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "show what every context uses",
  synopsis: ["vserver-stat [--json]", "vserver-stat --limits [--json]", "vserver-stat --prometheus"],
  description: [
    "Prints a line for each context that has processes, by number: the context (CTX), the number of its processes (PROC), the sums of their address spaces (VSZ) and of their memory (RSS, in which shared pages count for each process), the time they and the children they waited for spent in user mode (userTIME) and in the kernel (sysTIME), the age of the oldest one (UPTIME), the name of the virtual server and its description from the conf file. Context 0 is the root server, context 1 the monitoring server. The process that counts is left out.",
    "--limits prints a line for each running server instead: what it uses of each of its limits, and what it may (vserver.conf(5), vlimit(8)). --prometheus prints the same, how often each limit was hit, and processor times, in the text format of Prometheus, for a textfile collector: vserver-stat --prometheus >vserver.prom.new && mv vserver.prom.new vserver.prom, once a minute.",
    "Sizes are in whole units of 1024, times in minutes, seconds and hundredths, or hours, minutes and seconds, or days, hours and minutes. Root of the main server only.",
  ],
  options: [
    {
      flag: "--json",
      about:
        "print a list of objects: context, processes, vsz and rss in bytes, userTime, sysTime and uptime in seconds, name, description; with --limits: name, context, started, processorTime, limits as of vlimit --json",
    },
    { flag: "--limits", about: "show what every server uses of its limits" },
    { flag: "--prometheus", about: "print that for Prometheus" },
  ],
  exits: [
    ["0", "the list was printed"],
    [String(ownFailure), "it could not be made"],
    ["2", "wrong usage"],
  ],
  seeAlso: ["vlimit(8)", "vps(8)", "vtop(8)", "vserver(8)"],
};

interface Usage {
  processes: number;
  virtual: number;
  resident: number;
  /** Times in hundredths of a second. */
  user: number;
  system: number;
  oldest: number;
}

/** What the processes of each context use, without this one. */
function usageByContext(): Map<number, Usage> {
  const found = new Map<number, Usage>();
  for (const { pid, xid } of processes()) {
    const times = pid === process.pid ? undefined : processTimes(pid);
    if (times === undefined) continue;
    const sum = found.get(xid) ?? { processes: 0, virtual: 0, resident: 0, user: 0, system: 0, oldest: times.start };
    sum.processes += 1;
    sum.virtual += times.virtual;
    sum.resident += times.resident;
    sum.user += times.user;
    sum.system += times.system;
    sum.oldest = Math.min(sum.oldest, times.start);
    found.set(xid, sum);
  }
  return found;
}

/** The description in the server's conf; none when that cannot be read. */
function descriptionOf(server: ServerName): string {
  try {
    return readServerConf(server).conf.description ?? "";
  } catch (thrown) {
    if (thrown instanceof VserverError) return "";
    throw thrown;
  }
}

interface Line {
  readonly context: number;
  readonly usage: Usage;
  readonly name: string;
  readonly description: string;
}

function lines(): readonly Line[] {
  const servers = serversByContext();
  return [...usageByContext()]
    .sort(([one], [other]) => one - other)
    .map(([context, usage]) => {
      if (context === hostContext) return { context, usage, name: "root server", description: "" };
      if (context === spectatorContext) return { context, usage, name: "monitoring server", description: "" };
      const server = servers.get(context);
      return { context, usage, name: server ?? "", description: server === undefined ? "" : descriptionOf(server) };
    });
}

function printTable(all: readonly Line[], now: number): void {
  const rows = all.map(({ context, usage, name, description }) => {
    const sizes = [sizeText(usage.virtual), sizeText(usage.resident)];
    const times = [timeText(usage.user), timeText(usage.system), timeText(now - usage.oldest)];
    return [String(context), String(usage.processes), ...sizes, ...times, name, description];
  });
  console.log(statTable(rows));
}

function printJson(all: readonly Line[], now: number): void {
  const objects = all.map(({ context, usage, name, description }) => ({
    context,
    processes: usage.processes,
    vsz: usage.virtual,
    rss: usage.resident,
    userTime: usage.user / 100,
    sysTime: usage.system / 100,
    uptime: (now - usage.oldest) / 100,
    name,
    description,
  }));
  console.log(JSON.stringify(objects, null, 2));
}

/** Control groups and quotas are read as what we are: only processes have to be looked at from context 1. */
async function printLimits(args: Arguments): Promise<number> {
  await requireRoot(tool, "read the limits of servers", ownFailure);
  const { limitsTable, prometheusText, serverLimits } = await import("./vserver-stat/limits.ts");
  const all = serverLimits();
  if (args.has("--prometheus")) console.log(prometheusText(all));
  else console.log(args.has("--json") ? JSON.stringify(all, null, 2) : limitsTable(all));
  return 0;
}

async function run(args: Arguments): Promise<number> {
  if (args.words.length > 0) throw new UsageError(tool, `unknown word ${args.words[0]}`);
  if (args.has("--limits") || args.has("--prometheus")) return printLimits(args);
  await becomeSpectator(tool, args.has("--json") ? ["--json"] : [], ownFailure);
  const all = lines();
  if (args.has("--json")) printJson(all, bootTime());
  else printTable(all, bootTime());
  return 0;
}

export const command: Command = { manual, run };
