/** `vkill`: signals a process in whatever context it is. */
import { hostContext, lastContext, pinDirectory } from "../context/abi.ts";
import { callKernel } from "../context/call.ts";
import { contexts, parseProcesses } from "../context/lists.ts";
import { signalInContext } from "../context/signal.ts";
import { requireRoot, spectatorSteps } from "../context/spectator.ts";
import { SystemCallError } from "../linux/errno.ts";
import { step } from "../linux/plan/step.ts";
import { signalNumber } from "../linux/signal.ts";
import { runPlan } from "../linux/spawn.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

const tool = "vkill";

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "signal a process in another context",
  synopsis: ["vkill [-s SIGNAL] [-c CTX] [--] PID…", "vkill [-s SIGNAL] -c CTX"],
  description: [
    "Looks for each PID in all contexts, enters the context it is in, and signals it there: root of the main server alone neither sees nor signals processes of other contexts. Without PID every process of the context CTX is signalled. Root of the main server only.",
  ],
  options: [
    { flag: "-s", value: "SIGNAL", about: "number or name, with or without SIG; default: TERM" },
    { flag: "-c", aliases: ["--xid"], value: "CTX", about: "only processes of this context" },
  ],
  exits: [
    ["0", "every signal was sent"],
    ["1", "a process was not found, or a signal could not be sent"],
    ["2", "wrong usage"],
    ["69", "this kernel cannot have contexts"],
  ],
  examples: [
    { command: "vkill 8411", about: "ends process 8411 wherever it is" },
    { command: "vkill -s KILL -c 7", about: "ends all processes of context 7" },
  ],
  seeAlso: ["vps(8)", "vtop(8)", "kill(1)"],
};

const usage = (text: string) => new UsageError(tool, text);

function chosenSignal(args: Arguments): number {
  const text = args.value("-s") ?? "TERM";
  const signal = signalNumber(text);
  if (signal === undefined) throw usage(`no signal: ${text}`);
  return signal;
}

function chosenContext(args: Arguments): number | undefined {
  const text = args.value("-c");
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) <= lastContext) return Number(text);
  throw usage(`no context number: ${text} (${hostContext} to ${lastContext})`);
}

function processNumber(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw usage(`no process id: ${text}`);
}

/** The context of every process, asked by a child in context 1. */
async function contextByProcess(): Promise<ReadonlyMap<number, number>> {
  const list = `${pinDirectory}/processes`;
  const failure = { object: tool, attempt: `read ${list}` };
  const cat = step("exec", { file: "cat", arguments: ["cat", list], append: false }, failure);
  const { output } = await runPlan([...spectatorSteps(tool), cat], { stdin: "ignore", stdout: "pipe" });
  return new Map(parseProcesses(output).map(({ pid, xid }) => [pid, xid] as const));
}

/** Signals a process of context 0 as ourselves, one of another context from inside it. */
async function send(xid: number, pid: number, signal: number): Promise<void> {
  if (xid !== hostContext) return signalInContext(tool, xid, pid, signal);
  try {
    process.kill(pid, signal);
  } catch (thrown) {
    const cause = thrown instanceof Error ? thrown.message : String(thrown);
    throw new VserverError({ object: tool, attempt: `signal process ${pid}`, cause });
  }
}

/** Tells what is done on a line, and whether it was. */
async function report(action: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    console.log(` + ${action}... [done]`);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof VserverError)) throw thrown;
    console.log(` + ${action}... [failed]`);
    console.error(thrown.message);
    return false;
  }
}

async function killProcesses(pids: readonly number[], only: number | undefined, signal: number): Promise<number> {
  const where = await contextByProcess();
  let status = 0;
  for (const pid of pids) {
    const xid = where.get(pid);
    if (xid === undefined || (only !== undefined && xid !== only)) {
      console.log(`Process id ${pid} not found.`);
      status = 1;
      continue;
    }
    console.log(`Process id ${pid} was found in security context ${xid}.`);
    if (!(await report("Killing", () => send(xid, pid, signal)))) status = 1;
  }
  return status;
}

async function killContext(xid: number, signal: number): Promise<number> {
  if (!contexts().some((one) => one.xid === xid && one.tasks > 0)) {
    throw new VserverError({ object: tool, attempt: `signal context ${xid}`, cause: "it has no process" });
  }
  return (await report(`Killing context ${xid}`, () => signalInContext(tool, xid, -1, signal))) ? 0 : 1;
}

/** From inside another context nothing can be entered. */
function requireHost(): void {
  try {
    if (callKernel({ operation: "QUERY" }).xid === hostContext) return;
  } catch (thrown) {
    if (!(thrown instanceof SystemCallError)) throw thrown;
  }
  const wayOut = "run it on the main server (context 0)";
  throw new VserverError({ object: tool, attempt: "enter other contexts", cause: "this one is not context 0", wayOut });
}

async function run(args: Arguments): Promise<number> {
  const signal = chosenSignal(args);
  const xid = chosenContext(args);
  const pids = args.words.map(processNumber);
  if (pids.length === 0 && xid === undefined) throw usage("a process id is missing");
  if (pids.length === 0 && xid === hostContext) throw usage("context 0 is the main server: name the processes");
  await requireRoot(tool, "signal processes of other contexts");
  requireHost();
  if (pids.length === 0 && xid !== undefined) return killContext(xid, signal);
  return killProcesses(pids, xid, signal);
}

export const command: Command = { manual, run };
