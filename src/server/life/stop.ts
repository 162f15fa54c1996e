/** Stops a server in bounded time: its own shutdown, then SIGTERM, then SIGKILL; afterwards nothing of it is left. */

import { signalInContext } from "../../context/signal.ts";
import { step } from "../../linux/plan/step.ts";
import { runPlan } from "../../linux/spawn.ts";
import { systemErrno } from "../../linux/system-error.ts";
import { explain, VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";
import { followBoot } from "./bootlog.ts";
import { groupProcesses, isPopulated, killGroup, serverGroup } from "./cgroup.ts";
import { commandOf, signalNumber } from "./command.ts";
import { entrySteps, runStep, SIGKILL } from "./entry.ts";
import { callHook } from "./hook.ts";
import { haltScript, stopScript } from "./init.ts";
import { withLock } from "./lock.ts";
import { isStanding, phaseOf, setPhase } from "./phase.ts";
import { rootOnly, type Server } from "./server.ts";
import { tearDown } from "./setup.ts";
import { isSetUp, readState, type ServerState } from "./state.ts";

/** Milliseconds each stage of a stop may take before the next one begins. */
const patience = { shutdown: 60_000, exit: 500, command: 10_000, terminate: 5_000, kill: 10_000 } as const;
/** Milliseconds after which a process 1 without any other process has nothing left to do. */
const loneliness = 1_000;
const interval = 20;
const SIGTERM = 15;

export interface StopOptions {
  /** Only the start of this time (as in its state) is meant: another one is left alone. */
  readonly started?: number | undefined;
  readonly print: (line: string) => void;
}

/** Waits for the end of all processes. */
async function emptied(server: Server, milliseconds: number): Promise<boolean> {
  const end = Date.now() + milliseconds;
  while (isPopulated(server.name)) {
    if (Date.now() > end) return false;
    await Bun.sleep(interval);
  }
  return true;
}

/** Waits for the end of a shutdown: System V's init remains when all it has started is gone, having no machine to halt. */
async function halted(server: Server, end: number): Promise<boolean> {
  let lonely: number | undefined;
  while (isPopulated(server.name)) {
    const now = Date.now();
    lonely = groupProcesses(serverGroup(server.name)).length > 1 ? undefined : (lonely ?? now);
    if (lonely !== undefined && now - lonely > loneliness) return true;
    if (now > end) return false;
    await Bun.sleep(interval);
  }
  return true;
}

/** What `done` says, or false when it takes too long. */
function inTime(done: Promise<boolean>, milliseconds: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}

/** The signal that the command of a server is ended by; undefined when it has an init, or nobody knows any more. */
function stopSignal(server: Server, state: ServerState): number | undefined {
  if (!state.fakeinit) return undefined;
  try {
    const command = commandOf(server);
    return command === undefined ? undefined : signalNumber(command.stopSignal);
  } catch (thrown) {
    if (thrown instanceof VserverError) return undefined;
    throw thrown;
  }
}

/**
 * Asks the server to shut down and waits until it has. What asks may hang as well: it ends with the server's other
 * processes, for it is one of them by then.
 *
 * @returns whether it has; a server without a shell, or one that lets nobody in, has not
 */
async function shutDown(server: Server, state: ServerState, options: StopOptions): Promise<boolean> {
  const signal = stopSignal(server, state);
  if (signal !== undefined)
    return (await terminate(server, state, signal)) && (await emptied(server, patience.command));
  const log = followBoot(options.print);
  const steps = [
    // Whoever is to wait for the end of it must be there.
    step("pdeathsig", { signal: SIGKILL }),
    step("setsid", {}, "ignore"),
    ...entrySteps(server, state, { environment: { HOME: "/", TERM: "dumb" } }),
    runStep(server.name, ["/bin/sh", "-c", state.fakeinit ? haltScript : stopScript]),
  ];
  const end = Date.now() + patience.shutdown;
  const output = { stdin: "ignore", stdout: log.descriptor, stderr: log.descriptor } as const;
  const asked = runPlan(steps, output).then(
    // A process 1 that nobody could ask need not be waited for.
    ({ status }) => status === 0 || !state.fakeinit,
    (thrown: unknown) => {
      options.print(explain(thrown).line);
      return false;
    },
  );
  try {
    if (!(await inTime(asked, patience.shutdown))) return false;
    // What the script has ended may need a moment to be gone.
    return state.fakeinit ? await halted(server, end) : await emptied(server, patience.exit);
  } finally {
    log.finish();
  }
}

/** A signal to every process; false when there is no way to send it, as with the flag private. */
async function terminate(server: Server, state: ServerState, signal = SIGTERM): Promise<boolean> {
  try {
    if (state.xid !== null) await signalInContext(`vserver ${server.name}`, state.xid, -1, signal);
    else signalAll(groupProcesses(serverGroup(server.name)), signal);
    return true;
  } catch (thrown) {
    if (thrown instanceof VserverError) return false;
    throw thrown;
  }
}

function signalAll(processes: readonly number[], signal: number): void {
  for (const pid of processes) {
    try {
      process.kill(pid, signal);
    } catch (thrown) {
      // It has ended by itself.
      if (systemErrno(thrown) === undefined) throw thrown;
    }
  }
}

/** Ends every process of the server. @throws VserverError when even SIGKILL does not help. */
async function endProcesses(server: Server, state: ServerState | undefined, options: StopOptions): Promise<void> {
  if (state !== undefined && isSetUp(server.name) && !(await shutDown(server, state, options))) {
    options.print("Killing all processes");
    if (await terminate(server, state)) await emptied(server, patience.terminate);
  }
  killGroup(server.name);
  if (await emptied(server, patience.kill)) return;
  throw new VserverError({
    object: `vserver ${server.name}`,
    attempt: "stop it",
    cause: `processes survive SIGKILL: ${groupProcesses(serverGroup(server.name)).join(" ")}`,
    wayOut: "they wait for a device or file system; see ps in context 1: vps ax",
  });
}

/** Where there is no room to write that down, it is stopped all the same; the next command finds as much to do. */
function setStopping(name: ServerName): void {
  try {
    setPhase(name, "stopping");
  } catch (thrown) {
    if (!(thrown instanceof VserverError)) throw thrown;
  }
}

/**
 * Ends and takes away whatever of the server stands, as far as an interrupted command has left it too, and calls the
 * post-stop that is owed. Safe to repeat; the caller has the lock.
 */
export async function bringDown(server: Server, options: StopOptions): Promise<void> {
  const { name } = server;
  const owed = isStanding(name);
  if (owed) setStopping(name);
  if (isPopulated(name)) await endProcesses(server, readState(name), options);
  tearDown(name);
  if (!owed) return;
  // A script that fails has been called all the same: it is told once.
  await callHook(name, "post-stop").finally(() => setPhase(name, undefined));
}

/** What was thrown, if anything was. */
const failureOf = (work: Promise<void>): Promise<unknown> =>
  work.then(() => undefined).catch((thrown: unknown) => thrown);

/**
 * A script that fails keeps no server running: at the shutdown of the machine nobody would be there to mend it. It is told
 * when the server is down.
 *
 * @returns "stopped"; "down" when it was not running (what was left of it is cleaned up all the same); "other" when another
 * start than the one that was meant runs by now, or none.
 */
export async function stop(server: Server, options: StopOptions): Promise<"stopped" | "down" | "other"> {
  rootOnly(server.name, "stop it");
  return withLock(server.name, async () => {
    if (options.started !== undefined && readState(server.name)?.started !== options.started) return "other";
    const running = isPopulated(server.name);
    const due = running && phaseOf(server.name) !== "stopping";
    const before = due ? await failureOf(callHook(server.name, "pre-stop")) : undefined;
    const after = await failureOf(bringDown(server, options));
    if (before !== undefined && after !== undefined) options.print(explain(before).line);
    if (after !== undefined || before !== undefined) throw after ?? before;
    return running ? "stopped" : "down";
  });
}
