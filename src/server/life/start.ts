/** Starts a server: its surroundings, then its own init scripts. Either it runs afterwards, or nothing is left. */
import { closeSync } from "node:fs";
import { beneath } from "../../linux/beneath.ts";
import { type Step, step } from "../../linux/plan/step.ts";
import { runPlan } from "../../linux/spawn.ts";
import { VserverError } from "../../text/error.ts";
import { expectHere } from "../move/role.ts";
import { findTie, type Tie } from "./address.ts";
import { followBoot } from "./bootlog.ts";
import { isPopulated } from "./cgroup.ts";
import { type CommandProcess, commandOf, commandProcess } from "./command.ts";
import { runStep } from "./entry.ts";
import { firstSteps } from "./first.ts";
import { callHook } from "./hook.ts";
import { initEnvironment, initStep, startScript } from "./init.ts";
import { withLock } from "./lock.ts";
import { isInterrupted, setPhase } from "./phase.ts";
import { rootOnly, type Server, useContexts } from "./server.ts";
import { setUp, tearDown } from "./setup.ts";
import type { ServerState } from "./state.ts";
import { bringDown } from "./stop.ts";

export interface StartOptions {
  /** Leave network devices alone. */
  readonly noDevices: boolean;
  /** Gets a line of what the server's boot scripts print. */
  readonly print: (line: string) => void;
}

/**
 * Sets up a server that is not running, with its first process; what an interrupted start or stop has left goes first. The
 * server is `starting` until the caller says that it is up.
 *
 * @param contexts what {@link useContexts} said of it
 * @param first runs the first process by {@link firstSteps}
 */
export async function prepare<Result>(
  server: Server,
  contexts: boolean,
  options: StartOptions,
  first: (state: ServerState, tie: Tie | undefined) => Promise<Result>,
): Promise<Result> {
  expectHere(server.name);
  // Refused by what takes it away.
  if (isPopulated(server.name) && !isInterrupted(server.name)) tearDown(server.name);
  await bringDown(server, options);
  const tie = await findTie(server.name, server.conf, !options.noDevices);
  try {
    setPhase(server.name, "starting");
    await callHook(server.name, "pre-start");
    return await setUp(server, { contexts, tie }, (state) => first(state, tie));
  } catch (thrown) {
    // Takes away what pre-start made; why nothing was started is the message, not what that meets.
    await bringDown(server, options).catch(() => undefined);
    throw thrown;
  }
}

/** The services' first process: the server's own init, or the script that its distribution's init would run. */
function serviceSteps(
  server: Server,
  state: ServerState,
  tie: Tie | undefined,
  command: CommandProcess | undefined,
): readonly Step[] {
  const profile = state.profile === "" ? {} : { PROFILE: state.profile };
  if (server.fakeinit) {
    const environment = { ...initEnvironment, ...profile };
    const process = firstSteps(server, state, { tie, fork: "detach", environment });
    return [...process, ...(command?.steps ?? [step("setsid", {}, "ignore"), initStep(server)])];
  }
  const environment = { HOME: "/", TERM: "dumb", PREVLEVEL: "N", ...profile };
  const process = firstSteps(server, state, { tie, fork: "fork_wait", environment });
  return [...process, step("setsid", {}, "ignore"), runStep(server.name, ["/bin/sh", "-c", startScript])];
}

/** For its shells, as in 2003; whatever the server has made of that file, it starts. */
function writeProfile(server: Server, profile: string, options: StartOptions): void {
  if (profile === "") return;
  try {
    beneath(server.directory, (tree) => tree.write("etc/PROFILE", `export PROFILE=${profile}\n`));
  } catch (thrown) {
    if (!(thrown instanceof VserverError)) throw thrown;
    options.print(thrown.message);
  }
}

async function runServices(
  server: Server,
  state: ServerState,
  tie: Tie | undefined,
  options: StartOptions,
): Promise<void> {
  const what = commandOf(server);
  if (what !== undefined) {
    const command = commandProcess(server, what);
    try {
      const output = { stdin: "ignore", stdout: command.log, stderr: command.log } as const;
      await runPlan(serviceSteps(server, state, tie, command), output);
    } finally {
      closeSync(command.log);
    }
    return;
  }
  const log = followBoot(options.print);
  try {
    const output = { stdin: "ignore", stdout: log.descriptor, stderr: log.descriptor } as const;
    await runPlan(serviceSteps(server, state, tie, undefined), output);
  } finally {
    log.finish();
  }
}

/** @returns "started", or "running" when there was nothing to do. @throws VserverError; nothing is left then. */
export async function start(server: Server, options: StartOptions): Promise<"started" | "running"> {
  rootOnly(server.name, "start it");
  return withLock(server.name, async () => {
    if (isPopulated(server.name) && !isInterrupted(server.name)) return "running";
    await prepare(server, await useContexts(server), options, (state, tie) => {
      writeProfile(server, state.profile, options);
      return runServices(server, state, tie, options);
    });
    // It runs, whatever the script says; killed in the script, it has not been started completely.
    await callHook(server.name, "post-start").finally(() => setPhase(server.name, "up"));
    return "started";
  });
}
