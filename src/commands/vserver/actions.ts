/** The subcommands of `vserver NAME`: what each does, prints and returns. */

import { readServerConf } from "../../server/conf/read.ts";
import { isPopulated } from "../../server/life/cgroup.ts";
import { copierWayOut } from "../../server/life/copier.ts";
import { runInside } from "../../server/life/inside.ts";
import { readServer, readServerToStop, useContexts, wantedProfile } from "../../server/life/server.ts";
import { start } from "../../server/life/start.ts";
import { stop } from "../../server/life/stop.ts";
import { listServicesScript, serviceScript, setServiceScript } from "../../server/manage/inside.ts";
import type { ServerName } from "../../server/name.ts";
import { UsageError } from "../../text/error.ts";
import type { Call } from "./call.ts";
import { statusOf, uptimeText } from "./status.ts";

type Action = (call: Call) => Promise<number> | number;

const say = (call: Call, line: string): void => {
  if (!call.silent) console.log(line);
};

const options = (call: Call) => ({ noDevices: call.noDevices, print: (line: string) => say(call, line) });

const runningLine = (name: ServerName, running: boolean): string => `Server ${name} is ${running ? "" : "not "}running`;

async function startServer(call: Call): Promise<number> {
  const server = readServer(call.name, wantedProfile());
  say(call, `Starting the virtual server ${call.name}`);
  const outcome = await start(server, options(call));
  say(
    call,
    outcome === "running" ? `${runningLine(call.name, true)} already` : runningLine(call.name, isPopulated(call.name)),
  );
  return 0;
}

async function stopServer(call: Call): Promise<number> {
  const server = readServerToStop(call.name);
  say(call, `Stopping the virtual server ${call.name}`);
  await stop(server, { ...options(call), started: call.started });
  say(call, runningLine(call.name, isPopulated(call.name)));
  return 0;
}

/** Starts it when it is down, whatever the scripts called at its stop say: they are told of after that. */
async function startAfter(call: Call, stopping: Promise<unknown>): Promise<number> {
  let failure: unknown;
  try {
    if ((await stopping) === "other") return 0;
  } catch (thrown) {
    if (isPopulated(call.name)) throw thrown;
    failure = thrown;
  }
  const status = await startServer(call);
  if (failure !== undefined) throw failure;
  return status;
}

/** One start of the server is meant: it may have ended by itself since, as a server does that calls reboot(2). */
function restartOf(call: Call, started: number): Promise<number> {
  return startAfter(call, stop(readServerToStop(call.name), { ...options(call), started }));
}

async function restart(call: Call): Promise<number> {
  if (call.started !== undefined) return restartOf(call, call.started);
  if (!isPopulated(call.name)) {
    console.log(runningLine(call.name, false));
    return 0;
  }
  // Whatever would keep it from being started again keeps it from being stopped.
  await useContexts(readServer(call.name, wantedProfile()));
  return startAfter(call, stopServer(call));
}

function running(call: Call): number {
  const is = isPopulated(call.name);
  say(call, runningLine(call.name, is));
  return is ? 0 : 1;
}

/** `status --watch[=SECONDS] [--count=N]` */
const watchWord = /^--watch(?:=(\d+(?:\.\d+)?))?$/;

async function status(call: Call): Promise<number> {
  const watch = call.words.map((word) => watchWord.exec(word)).find((match) => match !== null);
  const count = call.words.map((word) => /^--count=(\d+)$/.exec(word)).find((match) => match !== null);
  const wrong = call.words.find((word) => !watchWord.test(word) && !/^--count=\d+$/.test(word));
  if (wrong !== undefined) throw new UsageError("vserver", `${call.name} status: ${JSON.stringify(wrong)} is unknown`);
  if (watch !== undefined) {
    const { watchStatus } = await import("./watch.ts");
    return watchStatus(call.name, Number(watch[1] ?? 2), count === undefined ? undefined : Number(count[1]));
  }
  const found = statusOf(call.name);
  // What does not run and cannot be started is told as that.
  if (!found.running) readServerConf(call.name);
  if (call.json) {
    console.log(JSON.stringify(found, null, 2));
    return found.running ? 0 : 3;
  }
  console.log(runningLine(call.name, found.running));
  if (!found.running) return 3;
  console.log(`${found.processes} processes running`);
  console.log(`Vserver uptime: ${uptimeText(found.uptime ?? 0)}`);
  console.log(
    found.context === null
      ? "No security context (CONTEXTS=optional): the main server sees its processes"
      : `Security context: ${found.context}`,
  );
  if (found.addresses.length > 0) console.log(`Addresses: ${found.addresses.join(" ")}`);
  if (found.cow === "copies") console.log("Writing to a unified file gives it a file of its own (S_FLAGS=cow)");
  if (found.cow === "refused") console.log(`Writing to unified files is refused: cowmgr does not run; ${copierWayOut}`);
  if (found.dropped) console.log(`Packets dropped that were not from or to its addresses: ${found.dropped}`);
  return 0;
}

function chkconfig(call: Call): Promise<number> {
  const levelAt = call.words.indexOf("--level");
  const levels = levelAt < 0 ? "" : (call.words[levelAt + 1] ?? "");
  const words = call.words.filter((_, at) => levelAt < 0 || (at !== levelAt && at !== levelAt + 1));
  const [service, state] = words;
  const script = (...script: readonly string[]) => inside(call, "root", ["/bin/sh", "-c", ...script]);
  if (words.length === 0 || (words.length === 1 && service === "--list")) return script(listServicesScript);
  const right = words.length === 2 && (state === "on" || state === "off") && /^[0-6]*$/.test(levels);
  if (!right || service === undefined || /^-|\//.test(service)) {
    throw new UsageError("vserver", `${call.name} chkconfig [--level LEVELS] SERVICE on|off`);
  }
  return script(setServiceScript, "sh", levels, service, state ?? "");
}

function enter(call: Call): Promise<number> {
  const server = readServer(call.name);
  if (!isPopulated(call.name)) {
    console.error(`Server ${call.name} is not running: it is set up for this shell alone, without its services`);
  }
  const words = ["/bin/sh", "-c", "[ -x /bin/bash ] && exec /bin/bash -l; exec /bin/sh -l"];
  return runInside(server, { user: "root", words }, options(call));
}

function inside(call: Call, user: string, words: readonly string[]): Promise<number> {
  return runInside(readServer(call.name), { user, words }, options(call));
}

function needWords(call: Call, least: number, form: string): void {
  if (call.words.length < least) throw new UsageError("vserver", `${call.name} ${form}: words are missing`);
}

/** The subcommands by name. `build` has a module of its own, for it makes what the others need. */
export const actions: Readonly<Record<string, Action>> = {
  start: startServer,
  stop: stopServer,
  restart,
  running,
  status,
  enter,
  exec: (call) => {
    needWords(call, 1, "exec COMMAND");
    return inside(call, "root", call.words);
  },
  suexec: (call) => {
    needWords(call, 2, "suexec USER COMMAND");
    return inside(call, call.words[0] ?? "", call.words.slice(1));
  },
  service: (call) => {
    needWords(call, 2, "service SERVICE ACTION");
    if (/^-|\//.test(call.words[0] ?? "")) throw new UsageError("vserver", `${call.words[0]} is not a service's name`);
    return inside(call, "root", ["/bin/sh", "-c", serviceScript, "sh", ...call.words]);
  },
  chkconfig,
  config: async (call) => (await import("./config.ts")).configAction(call),
  delete: async (call) => (await import("./delete.ts")).deleteAction(call),
  copy: async (call) => (await import("./move.ts")).moveAction(call, "copy"),
  sync: async (call) => (await import("./move.ts")).moveAction(call, "sync"),
  move: async (call) => (await import("./move.ts")).moveAction(call, "move"),
  takeover: async (call) => (await import("./move.ts")).moveAction(call, "takeover"),
  receive: async (call) => (await import("./move.ts")).receiveAction(call),
  yield: async (call) => (await import("./move.ts")).yieldAction(call),
  verify: async (call) => (await import("./verify.ts")).verifyAction(call),
  rename: async (call) => (await import("./rename.ts")).renameAction(call),
};
