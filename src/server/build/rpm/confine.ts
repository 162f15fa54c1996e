/**
 * Surroundings in which the scripts of packages run as root of the new tree: beside it there are only programs that they
 * cannot change, no process, device, network, kernel setting or descriptor of the main server's, and no capability that a
 * server's root has not.
 */
import { mountFlags } from "../../../linux/mount.ts";
import { type Step, step } from "../../../linux/plan/step.ts";
import { confined, type Exposed } from "../confine.ts";
import { descriptorLinks, nodes } from "../devices.ts";
import type { Job } from "../job.ts";
import type { Tool } from "../tool.ts";

const { MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REMOUNT } = mountFlags;
const inert = MS_NOSUID | MS_NODEV | MS_NOEXEC;
const S_IFCHR = 0o020000;

/** Of a server's root (life/capability.ts) what installing needs. Not MKNOD, for one of the mounts has live devices. */
const capabilities = [
  ...["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"],
];

/** Those that reach no device but the kernel's own memory. */
const memoryMajor = 1;
const devices = nodes.filter(([, major]) => major === memoryMajor);

function devSteps(dev: string, failure: { object: string; attempt: string }): readonly Step[] {
  const remount = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC;
  return [
    step("mkdir", { path: dev, mode: 0o755 }, failure),
    step(
      "mount",
      { source: "dev", target: dev, type: "tmpfs", flags: MS_NOSUID | MS_NOEXEC, data: "mode=0755" },
      failure,
    ),
    ...devices.map(([name, major, minor]) =>
      step("mknod", { path: `${dev}/${name}`, mode: S_IFCHR | 0o666, device: 256 * major + minor }, failure),
    ),
    ...descriptorLinks.map(([name, target]) => step("symlink", { target, path: `${dev}/${name}` }, failure)),
    step("mount", { source: "", target: dev, type: "", flags: remount, data: "" }, failure),
  ];
}

/** Steps for a {@link Tool} that changes its root to `/tree`, which is the new tree. */
export function confinedRoot(
  job: Job,
  attempt: string,
  exposed: readonly Exposed[],
): Required<Pick<Tool, "surroundings" | "restrictions">> {
  const failure = { object: job.object, attempt };
  const tree = { path: job.staging.tree, as: "tree", writable: true, executable: true };
  const { surroundings = [], restrictions = [] } = confined(job, attempt, [...exposed, tree], capabilities);
  return {
    surroundings: [
      ...surroundings,
      ...devSteps("/tree/dev", failure),
      step("mkdir", { path: "/tree/proc", mode: 0o555 }, failure),
    ],
    restrictions: [
      // Of the process namespace that the tool is number 1 of. Not the kernel's settings: uid 0 is all that those ask for.
      step("mount", { source: "proc", target: "/tree/proc", type: "proc", flags: inert, data: "subset=pid" }, failure),
      step("setsid", {}, "ignore"),
      // /proc/1/fd would lead from a directory that is open to all around it.
      step("close_from", { from: 3, keep: new Uint8Array() }, failure),
      ...restrictions,
    ],
  };
}
