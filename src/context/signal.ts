/**
 * Signals processes of another context from inside it, with nothing in hand that they could take.
 *
 * Whoever enters a context can be stopped and traced by its root. So the process that enters has an empty root, no
 * descriptor, no session, hardly a namespace of the main server, and no capability but to signal; and it ends with us.
 */
import { capabilityBit } from "../linux/capability.ts";
import { mountFlags } from "../linux/mount.ts";
import { type Step, step } from "../linux/plan/step.ts";
import { runPlan } from "../linux/spawn.ts";
import { hostContext } from "./abi.ts";
import { callPath, encodeCall } from "./call.ts";
import { runDirectory } from "./rundir.ts";

const CLONE_NEWNS = 0x0002_0000;
const CLONE_NEWCGROUP = 0x0200_0000;
const CLONE_NEWUTS = 0x0400_0000;
const CLONE_NEWIPC = 0x0800_0000;
const namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC;
const SIGKILL = 9;
const { MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_SLAVE } = mountFlags;

const onlyKill = 1n << BigInt(capabilityBit("CAP_KILL") ?? 5);

/** Leaves the process nothing but its credentials. */
function emptyHanded(failure: { readonly object: string; readonly attempt: string }): Step[] {
  const bare = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  return [
    step("pdeathsig", { signal: SIGKILL }, failure),
    step("setsid", {}, "ignore"),
    step("keyring", {}, "ignore"),
    step("unshare", { flags: namespaces }, failure),
    step("mount", { source: "none", target: "/", type: "", flags: MS_REC | MS_SLAVE, data: "" }, failure),
    step("mount", { source: "none", target: runDirectory, type: "tmpfs", flags: bare, data: "size=4k" }, failure),
    step("pivot_root", { directory: runDirectory }, failure),
    step("close_from", { from: 3, keep: new Uint8Array() }, failure),
    step("bounding", { mask: onlyKill }, failure),
    step("no_new_privs", {}, failure),
  ];
}

/**
 * Sends a signal as a process of context `xid`, which is not that of the main server.
 *
 * @param tool begins the error's line
 * @param pid -1 is every process of the context
 * @throws VserverError with the words of the errno (EPERM also when the process has left the context).
 */
export async function signalInContext(tool: string, xid: number, pid: number, signal: number): Promise<void> {
  if (xid === hostContext) throw new RangeError("the main server is not a context to enter");
  const target = pid === -1 ? `the processes of context ${xid}` : `process ${pid}`;
  const failure = { object: tool, attempt: `signal ${target}` };
  const enter = { object: tool, attempt: `enter context ${xid}`, wayOut: { EPERM: "it is private: stop its server" } };
  const steps = [
    step("context_open", { path: callPath }, { ...failure, wayOut: "see vkernel status" }),
    ...emptyHanded(failure),
    step("context_call", { call: encodeCall({ operation: "ENTER", xid }) }, enter),
    step("capabilities", { effective: onlyKill, permitted: onlyKill, inheritable: 0 }, failure),
    step("kill", { pid, signal }, failure),
  ];
  await runPlan(steps, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
}
