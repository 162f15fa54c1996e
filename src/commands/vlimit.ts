/** vlimit: shows what a running server uses of its limits, and changes them at once, for good with --save. */

import { requireRoot } from "../context/spectator.ts";
import { readText } from "../server/conf/file.ts";
import { type LimitKey, type Limits, limitKeys, limitOption, limitTable, parseLimit } from "../server/conf/limits.ts";
import { readServerConf } from "../server/conf/read.ts";
import { replaceFile } from "../server/conf/replace.ts";
import { setKey } from "../server/conf/set.ts";
import { BadValue } from "../server/conf/value.ts";
import { withLock } from "../server/life/lock.ts";
import { rootOnly } from "../server/life/server.ts";
import { changeLimits, type LimitState, limitStates, placeOf, runningPlace } from "../server/limit/change.ts";
import { type ServerName, serverName } from "../server/name.ts";
import { confFile } from "../server/paths.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import { table } from "../text/table.ts";
import type { Command } from "./command.ts";

const tool = "vlimit";

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "show and change what a virtual server may use",
  synopsis: ["vlimit [--json] NAME", "vlimit [--save] NAME --LIMIT VALUE...", "vlimit --log"],
  description: [
    "Without a limit: prints the limits of a running server, how much of each is used, and how often it was hit since the server was started. A dash stands for none, and for what nobody counts.",
    "With limits: sets them at once, all or none. One below what the server uses is handled as the kernel can: memory is taken back, and if that is not enough the kernel kills processes of the server; processes, files and disk space stay, and nothing is added until less is used. A line says so. unlimited lifts a limit. --save also writes them to /etc/vservers/NAME.conf, where they hold from the next start on; for a server that is not running that is all it does.",
    "--log prints a line for each limit of each running server that was hit since the last time, with the server's name and how often. Nothing of ours waits for that to happen: the kernel counts, and vserver-limits.timer (systemd) or a line of cron, * * * * * root vlimit --log | logger -t vserver, asks once a minute. Block input and output are slowed down uncounted.",
    "The limits are described in vserver.conf(5). Root only.",
  ],
  options: [
    { flag: "--save", about: "write the limits to the server's conf file as well" },
    { flag: "--json", about: "print a list of objects: key, limit (as the conf file says it), amount, used, hits" },
    { flag: "--log", about: "print which limits were hit since it was last asked" },
    ...limitKeys.map((key) => ({ flag: limitOption(key), value: limitTable[key].value, about: limitTable[key].about })),
  ],
  exits: [
    ["0", "printed, or set"],
    ["1", "it failed, and standard error says why"],
    ["2", "wrong usage"],
    ["69", "the machine cannot enforce a limit; nothing is changed"],
  ],
  examples: [
    { command: "vlimit web1", about: "What it uses, and what it may." },
    { command: "vlimit --save web1 --memory 512M --nproc 500", about: "Change two limits, for good." },
  ],
  seeAlso: ["vserver.conf(5)", "vserver(8)", "vserver-stat(8)"],
};

function wantedLimits(args: Arguments): Limits {
  const set = limitKeys.flatMap((key) => {
    const text = args.value(limitOption(key));
    if (text === undefined) return [];
    try {
      return [[key, parseLimit(key, text)] as const];
    } catch (thrown) {
      if (thrown instanceof BadValue) throw new UsageError(tool, `${limitOption(key)}: ${thrown.message}`);
      throw thrown;
    }
  });
  return Object.fromEntries(set);
}

/** Whether a number of a key is one of bytes. */
const isSize = (key: LimitKey): boolean => limitTable[key].value === "SIZE";

/** Bytes in the largest unit that leaves at least two digits before the point. */
function shortSize(bytes: number): string {
  const units = ["", "K", "M", "G", "T"];
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1).replace(/\.0$/, "")}${units[unit]}`;
}

function show(states: readonly LimitState[]): void {
  const dash = (text: string | null) => text ?? "-";
  const rows = states.map(({ key, limit, used, hits }) => {
    const amount = used === null ? null : isSize(key) ? shortSize(used) : String(used);
    return [key, dash(amount), dash(limit), hits === null ? "-" : String(hits)];
  });
  const columns = [{ title: "LIMIT" }, { title: "USED", right: true }, { title: "ALLOWED", right: true }];
  console.log(table([...columns, { title: "HITS", right: true }], rows));
}

/** Checks before anything is changed that the new text is right. */
function editedConf(name: ServerName, args: Arguments, limits: Limits): string {
  const file = confFile(name);
  readServerConf(name);
  const keys = limitKeys.filter((key) => limits[key] !== undefined);
  return keys.reduce((text, key) => setKey(text, file, key, args.value(limitOption(key)) ?? ""), readText(file) ?? "");
}

async function change(name: ServerName, args: Arguments, limits: Limits): Promise<number> {
  return withLock(name, async () => {
    const place = placeOf(name);
    if (place === undefined && !args.has("--save")) {
      const wayOut = `add --save for its next start, or start it: vserver ${name} start`;
      throw new VserverError({
        object: `vserver ${name}`,
        attempt: "set its limits",
        cause: "it is not running",
        wayOut,
      });
    }
    const text = args.has("--save") ? editedConf(name, args, limits) : undefined;
    const told = place === undefined ? [] : await changeLimits(place, limits);
    for (const line of told) console.error(`vlimit ${name}: ${line}`);
    if (text !== undefined) replaceFile(confFile(name), text);
    return 0;
  });
}

async function log(): Promise<number> {
  const { newHits } = await import("../server/limit/log.ts");
  for (const line of newHits()) console.log(line);
  return 0;
}

async function run(args: Arguments): Promise<number> {
  if (args.has("--log")) {
    await requireRoot(tool, "read the limits of servers");
    return log();
  }
  const [word, more] = args.words;
  if (word === undefined || more !== undefined) throw new UsageError(tool, "one NAME is needed");
  const name = serverName(word);
  const limits = wantedLimits(args);
  const changes = Object.keys(limits).length > 0;
  if (args.has("--save") && !changes) throw new UsageError(tool, "--save: no limit is given");
  rootOnly(name, changes ? "set its limits" : "read its limits");
  if (changes) return change(name, args, limits);
  const states = limitStates(runningPlace(name));
  if (args.has("--json")) console.log(JSON.stringify(states, null, 2));
  else show(states);
  return 0;
}

export const command: Command = { manual, run };
