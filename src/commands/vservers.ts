/** vservers: starts and stops all virtual servers, at boot and shutdown or at any other time. */
import { openSync } from "node:fs";
import { selfCommand } from "../linux/self.ts";
import { bootConfFile, readBootConf } from "../server/boot/conf.ts";
import { type BootServer, bootServers } from "../server/boot/servers.ts";
import { type Outcome, together } from "../server/boot/together.ts";
import { isPopulated } from "../server/life/cgroup.ts";
import { isStanding } from "../server/life/phase.ts";
import { readServer, readServerToStop, useContexts, wantedProfile } from "../server/life/server.ts";
import { start } from "../server/life/start.ts";
import { stop } from "../server/life/stop.ts";
import { reasonToRest } from "../server/move/role.ts";
import type { Arguments } from "../text/arguments.ts";
import { explain, UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

/** Where a start in the background tells what came of it. */
const backgroundLog = "/var/log/vservers.log";
/** Last lines of a server's own that are shown when its start fails. */
const shownLines = 5;

const manual: Manual = {
  name: "vservers",
  section: 8,
  summary: "start and stop all virtual servers",
  synopsis: ["vservers [--jobs N] [--foreground] start|stop|restart|reload", "vservers [--json] status"],
  description: [
    "start starts every server whose conf file says ONBOOT=yes, by PRIORITY: servers of the same PRIORITY start together, as many at a time as there are processors; those of a higher number start when they are done. stop stops every running server, in the reverse order, whatever ONBOOT says. restart does one after the other. reload starts what ONBOOT=yes newly asks for and leaves alone what runs.",
    "Each server gets one line when it is done. One that fails stops no other; its last words are shown.",
    "status says of every server whether it runs and whether it starts with the machine.",
    `At boot and shutdown it is called by the systemd unit vservers.service or the script /etc/init.d/vservers. To systemd it is one service: stopping that stops the servers, whose processes systemd does not see. A single server is vserver@NAME.service. Either is active from its start to its stop, whatever becomes of servers in between: reload starts what was stopped by hand.`,
    `${bootConfFile} may set BACKGROUND=yes (start returns at once and reports to ${backgroundLog}; under systemd, which keeps nobody waiting, it does not) and PARALLEL=N.`,
  ],
  options: [
    { flag: "--jobs", aliases: ["-j"], value: "N", about: "most servers at a time" },
    { flag: "--foreground", about: "wait for the end of start, whatever BACKGROUND says" },
    { flag: "--json", about: "status as JSON" },
  ],
  exits: [
    ["0", "all is as it should be"],
    ["1", "a server could not be started or stopped"],
    ["2", "wrong usage"],
  ],
  examples: [
    { command: "systemctl enable --now vservers", about: "Start them now and with the machine." },
    { command: "vservers status", about: "Which run, which start with the machine?" },
  ],
  seeAlso: ["vserver(8)", "vserver.conf(5)", "vkernel(8)", "rebootmgr(8)"],
};

function jobs(args: Arguments): number {
  const text = args.value("--jobs");
  if (text === undefined) return readBootConf().parallel ?? navigator.hardwareConcurrency;
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new UsageError(manual.name, `--jobs ${JSON.stringify(text)} is not a number from 1 to 999`);
}

type Item = BootServer & { readonly rank: number; readonly words: string[] };
const item = (server: BootServer, rank: number): Item => ({ ...server, rank, words: [] });

/** One line for each server, and its last words when it failed. */
function report(outcome: Outcome<Item, string>): void {
  const { item, result, milliseconds } = outcome;
  if (result.ok) {
    console.log(`${item.name}: ${result.value} (${(milliseconds / 1000).toFixed(1)} s)`);
    return;
  }
  console.error(`${item.name}: failed: ${explain(result.thrown).line}`);
  for (const line of item.words) console.error(`${item.name}: | ${line}`);
}

const failed = (outcomes: readonly Outcome<Item, string>[]): boolean => outcomes.some(({ result }) => !result.ok);

function keepLast(item: Item): (line: string) => void {
  return (line) => {
    item.words.push(line);
    if (item.words.length > shownLines) item.words.shift();
  };
}

async function startAll(parallel: number): Promise<boolean> {
  console.log("Starting the virtual servers");
  const all = bootServers();
  for (const { name, onBoot, problem } of all) {
    if (!onBoot && problem === undefined) console.log(`${name}: not configured for on boot start`);
  }
  for (const { name, onBoot } of all) {
    const rest = onBoot ? reasonToRest(name) : undefined;
    if (rest !== undefined) console.log(`${name}: not started: ${rest.cause}`);
  }
  const items = all
    .filter(({ onBoot, problem }) => onBoot || problem !== undefined)
    .filter(({ name }) => reasonToRest(name) === undefined)
    .map((server) => item(server, server.priority));
  // The kernel half is loaded once, not by all of them at the same time; what is wrong with it, each of them tells.
  const [first] = items;
  if (first !== undefined && first.problem === undefined) await quietly(() => useContexts(readServer(first.name)));
  const outcomes = await together(
    items,
    parallel,
    async (one) => {
      if (one.problem !== undefined) throw new UnusableConf(one.problem);
      const outcome = await start(readServer(one.name, wantedProfile()), { noDevices: false, print: keepLast(one) });
      return outcome === "running" ? "was running" : "started";
    },
    report,
  );
  return !failed(outcomes);
}

/** A conf file's own complaint, shown as it is. */
class UnusableConf extends VserverError {
  constructor(line: string) {
    super({ object: "vserver", attempt: "start it", cause: line });
    this.message = line;
  }
}

async function quietly(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    if (!(thrown instanceof VserverError)) throw thrown;
  }
}

async function stopAll(parallel: number): Promise<boolean> {
  console.log("Stopping the virtual servers");
  const items = bootServers()
    .filter(({ name }) => isStanding(name))
    .map((server) => item(server, -server.priority));
  const outcomes = await together(
    items,
    parallel,
    async (one) => {
      await stop(readServerToStop(one.name), { print: keepLast(one) });
      return "stopped";
    },
    report,
  );
  return !failed(outcomes);
}

function status(json: boolean): void {
  const all = bootServers().map((server) => ({ ...server, running: isPopulated(server.name) }));
  if (json) {
    console.log(
      JSON.stringify(
        all.map((one) => ({ ...one, problem: one.problem ?? null })),
        null,
        2,
      ),
    );
    return;
  }
  for (const { name, onBoot, running, problem } of all) {
    console.log(`ONBOOT=${(onBoot ? "yes" : "no").padEnd(4)} Server ${name} is ${running ? "" : "not "}running`);
    if (problem !== undefined) console.error(problem);
  }
}

/** Goes on in the background: the same command once more, with a session and a log of its own. */
function startInBackground(args: Arguments): void {
  const { file, arguments: calledAs } = selfCommand(manual.name);
  const [argv0 = manual.name, ...first] = calledAs;
  const log = openSync(backgroundLog, "a", 0o600);
  const count = args.value("--jobs");
  const words = ["--foreground", ...(count === undefined ? [] : ["--jobs", count]), "start"];
  const child = Bun.spawn([file, ...first, ...words], {
    argv0,
    stdio: ["ignore", log, log],
    detached: true,
  });
  child.unref();
  console.log(`Starting the virtual servers in the background, see ${backgroundLog}`);
}

async function run(args: Arguments): Promise<number> {
  const [word, ...more] = args.words;
  if (word === undefined || more.length > 0)
    throw new UsageError(manual.name, "start, stop, restart, reload or status?");
  if (word === "status") {
    status(args.has("--json"));
    return 0;
  }
  if (!["start", "stop", "restart", "reload"].includes(word)) throw new UsageError(manual.name, `no command ${word}`);
  if (process.getuid?.() !== 0) {
    throw new VserverError({ object: manual.name, attempt: word, cause: "only root may", wayOut: "become root" });
  }
  const parallel = jobs(args);
  if (word === "start" && readBootConf().background && !args.has("--foreground")) {
    startInBackground(args);
    return 0;
  }
  const stopped = word === "stop" || word === "restart" ? await stopAll(parallel) : true;
  const started = word === "stop" ? true : await startAll(parallel);
  return stopped && started ? 0 : 1;
}

export const command: Command = { manual, run };
