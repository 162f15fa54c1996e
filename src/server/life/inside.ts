/** Runs a command inside a server: one that is running, or one that is set up for the time of the command. */
import { replaceProcess } from "../../linux/exec.ts";
import { libc } from "../../linux/libc.ts";
import type { Step } from "../../linux/plan/step.ts";
import { runPlan } from "../../linux/spawn.ts";
import type { ServerName } from "../name.ts";
import { isPopulated } from "./cgroup.ts";
import { type EntryOptions, entrySteps, runStep } from "./entry.ts";
import { firstSteps } from "./first.ts";
import { withLock } from "./lock.ts";
import { isInterrupted, phaseOf, setPhase } from "./phase.ts";
import { rootOnly, type Server, useContexts } from "./server.ts";
import { prepare, type StartOptions } from "./start.ts";
import { isSetUp, readState, type ServerState } from "./state.ts";
import { bringDown } from "./stop.ts";

export interface InsideRequest {
  /** User of the server's own /etc/passwd. */
  readonly user: string;
  readonly words: readonly string[];
}

const copied = ["TERM", "LANG", "LC_ALL", "COLORTERM"];

function environment(name: string): Readonly<Record<string, string>> {
  const kept = copied.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key] ?? ""]]));
  return { ...Object.fromEntries(kept), PS1: `[\\u@vserver:${name} \\W]\\$ ` };
}

/** The runtime's own module for terminals takes milliseconds to load. */
const isTerminal = (descriptor: number): boolean => libc().isatty(descriptor) === 1;

/** Up to exec, for a process that is to run a command in the server. */
type WayIn = (options: EntryOptions) => readonly Step[];

async function runChild(server: Server, request: InsideRequest, wayIn: WayIn): Promise<number> {
  const options = { environment: environment(server.name), user: request.user };
  const program = runStep(server.name, request.words);
  if (!isTerminal(0) || !isTerminal(1)) return (await runPlan([...wayIn(options), program])).status;
  const { onOwnTerminal } = await import("./terminal.ts");
  // The first further descriptor of a plan is 5.
  return onOwnTerminal(async (socket, started) => {
    const child = { stdin: "ignore", stdout: "ignore", descriptors: [socket], started } as const;
    return (await runPlan([...wayIn({ ...options, terminal: 5 }), program], child)).status;
  });
}

/** Takes down what was set up for a command, unless another one is at work in it. */
const leave = (server: Server, options: StartOptions): Promise<void> =>
  withLock(server.name, async () => {
    if (!isPopulated(server.name) && phaseOf(server.name) !== "up") await bringDown(server, options);
  });

/** In a server that runs there is nothing to do afterwards: this process becomes the command, terminals aside. */
async function enter(
  server: Server,
  state: ServerState,
  request: InsideRequest,
  options: StartOptions,
): Promise<number> {
  const wayIn: WayIn = (entry) => entrySteps(server, state, entry);
  if (phaseOf(server.name) === "lent") {
    return runChild(server, request, wayIn).finally(() => leave(server, options));
  }
  if (isTerminal(0) && isTerminal(1)) return runChild(server, request, wayIn);
  const steps = wayIn({ environment: environment(server.name), user: request.user });
  const plan = { steps: [...steps, runStep(server.name, request.words)], exitStatus: 1 };
  return replaceProcess(`vserver ${server.name}`, plan, []);
}

/**
 * What a server that is not running is for the time of a command. It has no process 1 to enter beside, so the flag fakeinit
 * waits for its start; where there are no contexts, the command itself is its process 1.
 */
const forCommand = (server: Server, contexts: boolean): Server => ({
  ...server,
  fakeinit: server.fakeinit && !contexts,
});

/** Milliseconds between two looks whether a server is set up. */
const interval = 2;

/** The state of a server that can be entered as it stands: what was lent and is empty is about to be taken down. */
function stateToEnter(name: ServerName): ServerState | undefined {
  const state = readState(name);
  if (state === undefined || !isSetUp(name)) return undefined;
  return isPopulated(name) || (!state.fakeinit && phaseOf(name) !== "lent") ? state : undefined;
}

/** Runs the command as the first process of a server; others may work on the server from when it is set up. */
async function runFirst(
  server: Server,
  contexts: boolean,
  request: InsideRequest,
  options: StartOptions,
): Promise<number> {
  let late: unknown;
  const status = await withLock(server.name, (unlock) => {
    const state = stateToEnter(server.name);
    if (state !== undefined && !isInterrupted(server.name)) {
      // Somebody has set it up while we waited.
      unlock();
      return enter(server, state, request, options);
    }
    return prepare(server, contexts, options, async (state, tie) => {
      let standing = false;
      const timer = setInterval(() => {
        standing = isSetUp(server.name);
        if (!standing) return;
        clearInterval(timer);
        setPhase(server.name, "lent");
        unlock();
      }, interval);
      try {
        return await runChild(server, request, (entry) =>
          firstSteps(server, state, { ...entry, tie, fork: "fork_wait" }),
        );
      } catch (thrown) {
        // The lock is needed to take the server down.
        if (!standing) throw thrown;
        late = thrown;
        return 1;
      } finally {
        clearInterval(timer);
      }
    });
  });
  await leave(server, options);
  if (late !== undefined) throw late;
  return status;
}

/**
 * Runs the command and returns its exit status, 128 + signal when it was killed. As in 2003 a stopped server is set up
 * for the command and taken down after it, without its services.
 */
export async function runInside(server: Server, request: InsideRequest, options: StartOptions): Promise<number> {
  rootOnly(server.name, `run ${request.words[0] ?? "a command"} in it`);
  const state = stateToEnter(server.name);
  if (state !== undefined) return enter(server, state, request, options);
  const contexts = await useContexts(server);
  return runFirst(forCommand(server, contexts), contexts, request, options);
}
