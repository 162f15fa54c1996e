/** Makes a server's surroundings (control group, context, namespaces, mounts) and takes them away: no process is left. */
import { existsSync, rmSync } from "node:fs";
import { loopback6 } from "../../context/addresses.ts";
import { callKernel } from "../../context/call.ts";
import { attachBackstop, forgetGroup } from "../../context/group.ts";
import { forgetContextLimit } from "../../context/limits.ts";
import { isLoaded } from "../../context/load.ts";
import { tieAlone } from "../../context/optional.ts";
import { forgetOwnProc } from "../../context/ownproc.ts";
import { ensureRunDirectory } from "../../context/rundir.ts";
import { steerAt } from "../../context/steer.ts";
import { SystemCallError } from "../../linux/errno.ts";
import { isIpv4 } from "../../linux/inet.ts";
import { type DeviceAddress, deviceAddresses } from "../../linux/ip.ts";
import { VserverError } from "../../text/error.ts";
import { startLimits } from "../limit/apply.ts";
import type { ServerName } from "../name.ts";
import { stateDirectory } from "../paths.ts";
import { refuseTaken, type Tie } from "./address.ts";
import { addAliases, dropAliases } from "./alias.ts";
import { serverCapabilities } from "./capability.ts";
import { isPopulated, makeGroups, removeGroups, serverGroup } from "./cgroup.ts";
import { chooseContext, untilFree } from "./context.ts";
import { dropCopies, setUpCopies } from "./copier.ts";
import { entryPlan } from "./entry.ts";
import { whileClaiming } from "./lock.ts";
import { disconnect, makeNetwork } from "./netns.ts";
import { makeOwnProc } from "./ownproc.ts";
import { makeServed } from "./served.ts";
import type { Server } from "./server.ts";
import {
  dropPins,
  makePins,
  readState,
  type ServerState,
  states,
  unfinishedPlanFile,
  writeState,
  writeStateFile,
} from "./state.ts";

/** The IPv6 loopback of its own; an IPv4 one needs no address on a device. */
function ownLoopback(state: ServerState): readonly DeviceAddress[] {
  if (state.xid === null || !state.addresses.some(({ address }) => !isIpv4(address))) return [];
  const address = loopback6(state.xid);
  return [{ device: "lo", family: "inet6", address, prefix: 128, broadcast: undefined }];
}

/** The backstop, and what brings datagrams to several addresses. */
function tieGroup(name: ServerName, state: ServerState, tie: Tie): void {
  if (state.xid === null) {
    tieAlone(`vserver ${name}`, serverGroup(name), { ...tie, loop: undefined });
    return;
  }
  attachBackstop(serverGroup(name), { ...tie, loop: state.xid });
  if (tie.addresses.length === 1) return;
  const own = new Set(tie.addresses.map(({ address }) => address));
  const carriers = deviceAddresses().filter(({ address }) => own.has(address));
  for (const device of new Set(carriers.map((one) => one.device))) steerAt(device);
}

/** On the main server's network stack, tied to addresses. */
async function tieToNetwork(name: ServerName, state: ServerState, tie: Tie | undefined): Promise<void> {
  await addAliases(name, [...(tie?.aliases ?? []), ...ownLoopback(state)]);
  if (tie !== undefined) tieGroup(name, state, tie);
}

export interface SetUpRequest {
  /** Whether it gets a security context. */
  readonly contexts: boolean;
  readonly tie: Tie | undefined;
}

/** Writes down what the server takes: nothing that another one has. */
function claim(server: Server, { contexts, tie }: SetUpRequest): ServerState {
  const { name } = server;
  for (const { address } of server.conf.iproot === "all" ? [] : (tie?.addresses ?? [])) refuseTaken(name, address);
  const state: ServerState = {
    name,
    xid: contexts ? chooseContext(server) : null,
    addresses: tie?.addresses ?? [],
    profile: server.conf.profile,
    started: Date.now(),
    fakeinit: server.fakeinit,
    netns: server.conf.netns,
    capabilities: serverCapabilities(server.conf, { fakeinit: server.fakeinit, contexts }).toString(16),
  };
  writeState(state);
  return state;
}

/**
 * Sets a server up with its first process, which `first` runs by the steps of {@link firstSteps}. What is about to be made
 * is written down first: {@link tearDown} finds all of it, wherever this ends.
 *
 * @throws VserverError; nothing is left then.
 */
export async function setUp<Result>(
  server: Server,
  request: SetUpRequest,
  first: (state: ServerState) => Promise<Result>,
): Promise<Result> {
  const { name } = server;
  ensureRunDirectory();
  const state = whileClaiming(() => claim(server, request));
  try {
    const complaint = await makeServed(name, server.conf.syslog === "main");
    if (complaint !== undefined) console.error(complaint);
    makePins(name);
    writeStateFile(name, unfinishedPlanFile(name), entryPlan(server, state));
    makeGroups(name);
    await startLimits({ name, directory: server.directory, xid: state.xid }, server.conf);
    if (server.conf.proc === "own") makeOwnProc(name, state.xid, state.started);
    const refusal = state.xid === null ? undefined : setUpCopies(server, state.xid);
    if (refusal !== undefined) console.error(refusal);
    if (state.netns) makeNetwork(name, state, request.tie);
    else await tieToNetwork(name, state, request.tie);
    if (state.xid !== null) await untilFree(state.xid);
    return await first(state);
  } catch (thrown) {
    await ended(name);
    if (!isPopulated(name)) tearDown(name);
    throw thrown;
  }
}

/** The process that has told of its failure needs a moment to end. */
async function ended(name: ServerName): Promise<void> {
  for (let tries = 0; isPopulated(name) && tries < 100; tries++) await Bun.sleep(20);
}

/** A held context is given back, unless another server has meanwhile been set up with the same number. */
function releaseContext(state: ServerState): void {
  if (state.xid === null || !isLoaded()) return;
  if (states().some((other) => other.name !== state.name && other.xid === state.xid)) return;
  forgetContextLimit(state.xid);
  forgetOwnProc(state.xid);
  dropCopies(state.xid);
  try {
    callKernel({ operation: "RELEASE", xid: state.xid });
  } catch (thrown) {
    if (!(thrown instanceof SystemCallError)) throw thrown;
  }
}

/** Takes away whatever of a server without processes stands: safe to repeat, and after any interruption. */
export function tearDown(name: ServerName): void {
  const group = existsSync(serverGroup(name));
  // What is written down first is removed last.
  if (!group && !existsSync(stateDirectory(name))) return;
  const state = readState(name);
  if (isPopulated(name)) {
    throw new VserverError({
      object: `vserver ${name}`,
      attempt: "take it down",
      cause: "processes of it still run",
      wayOut: `stop it: vserver ${name} stop`,
    });
  }
  dropPins(name);
  if (state !== undefined) releaseContext(state);
  if (group) forgetGroup(serverGroup(name));
  removeGroups(serverGroup(name));
  disconnect(name);
  dropAliases(name);
  if (existsSync(stateDirectory(name))) rmSync(stateDirectory(name), { recursive: true });
}
