/**
 * Surroundings in which a tool that reads a tree or an archive of strangers can write to the new tree and to nothing else:
 * a root of its own with the main server's programs read-only, no network of ours to talk to, no further capability.
 */
import { lstatSync, readlinkSync } from "node:fs";
import { capabilityBit } from "../../linux/capability.ts";
import { mountFlags } from "../../linux/mount.ts";
import { type Step, step } from "../../linux/plan/step.ts";
import type { Job } from "./job.ts";
import type { Tool } from "./tool.ts";

const { MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REMOUNT } = mountFlags;
const procFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
const CLONE_NEWNET = 0x40000000;
const O_CREAT = 0o100;
/** Exists on every machine; what is there is out of sight in the tool's mount namespace only. */
const newRoot = "/tmp";
/** Programs and libraries; on most machines all but the first are links into it. */
const programs = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/** What tar and cp need to give files their owner, mode, attributes and device numbers. */
const kept = ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "MKNOD", "SETFCAP"];

/** What the tool sees besides the programs: the path it has there, and whether it may write to it. */
export interface Exposed {
  readonly path: string;
  /** One name, without a slash. */
  readonly as: string;
  readonly writable?: boolean;
  /** Programs in it can be run, and may make what they write to executable: for what is to be run in the new tree alone. */
  readonly executable?: boolean;
  /** With what is mounted below it. */
  readonly recursive?: boolean;
}

function expose(one: Exposed, slot: number, failure: Parameters<typeof step>[2]): { keep: Step; attach: Step[] } {
  const target = `${newRoot}/${one.as}`;
  const place = lstatSync(one.path).isDirectory()
    ? step("mkdir", { path: target, mode: 0o755 }, failure)
    : step("write", { path: target, text: "", flags: O_CREAT, mode: 0o600 }, failure);
  const flags =
    MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | (one.writable ? (one.executable ? 0 : MS_NOEXEC) : MS_RDONLY);
  return {
    keep: step("clone_tree", { slot, path: one.path, recursive: one.recursive ?? false }, failure),
    attach: [
      place,
      step("attach", { slot, target }, failure),
      step("mount", { source: "", target, type: "", flags, data: "" }, failure),
    ],
  };
}

/**
 * Steps for a {@link Tool}: `surroundings` and `restrictions`.
 *
 * @param capabilities names without CAP_
 */
export function confined(
  job: Pick<Job, "object">,
  attempt: string,
  exposed: readonly Exposed[],
  capabilities: readonly string[] = kept,
): Pick<Tool, "surroundings" | "restrictions"> {
  const failure = { object: job.object, attempt };
  const links: Step[] = [];
  const all: Exposed[] = [...exposed];
  for (const name of programs) {
    const status = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (status?.isSymbolicLink()) {
      links.push(step("symlink", { target: readlinkSync(`/${name}`), path: `${newRoot}/${name}` }, failure));
    } else if (status?.isDirectory()) all.push({ path: `/${name}`, as: name });
  }
  const parts = all.map((one, slot) => expose(one, slot, failure));
  const mask = capabilities.reduce((bits, name) => bits | (1n << BigInt(capabilityBit(`CAP_${name}`) ?? 0)), 0n);
  return {
    surroundings: [
      step("unshare", { flags: CLONE_NEWNET }, failure),
      // Kept before the new root covers what lies beneath /tmp.
      ...parts.map((part) => part.keep),
      step(
        "mount",
        { source: "none", target: newRoot, type: "tmpfs", flags: MS_NOSUID | MS_NODEV, data: "mode=0755" },
        failure,
      ),
      ...links,
      step("mkdir", { path: `${newRoot}/proc`, mode: 0o555 }, failure),
      ...parts.flatMap((part) => part.attach),
      step(
        "mount",
        { source: "", target: newRoot, type: "", flags: MS_BIND | MS_REMOUNT | MS_RDONLY, data: "" },
        failure,
      ),
      step("pivot_root", { directory: newRoot }, failure),
    ],
    restrictions: [
      // Of its own processes alone. C libraries before 2.39 change the mode of a file by its name there.
      step("mount", { source: "proc", target: "/proc", type: "proc", flags: procFlags, data: "" }, failure),
      step("bounding", { mask }, failure),
      step("capabilities", { effective: mask, permitted: mask, inheritable: 0 }, failure),
      step("no_new_privs", {}, failure),
    ],
  };
}
