/** What the tests of `launch` share: the built programs, and steps that keep their changes off the machine. */
import { join } from "node:path";
import { type Step, step } from "../../src/linux/plan/step.ts";

export const buildDirectory = join(import.meta.dir, "../../build");

async function build(command: string[]): Promise<void> {
  const builder = Bun.spawn(command, {
    stdout: "inherit",
    stderr: "inherit",
    env: { ...process.env, BUN: process.execPath },
  });
  if ((await builder.exited) !== 0) throw new Error(`failed: ${command.join(" ")}`);
}

/** Builds the program and the fuzz harness when they are older than their sources. */
export const buildLaunch = () => build(["make", "-s", "-C", join(import.meta.dir, "../../launch"), "all", "fuzz"]);

export const probe = join(buildDirectory, "probe");

/** Builds the program that shows what it has inherited. */
export const buildProbe = () => build(["cc", "-O1", "-static", "-o", probe, join(import.meta.dir, "probe.c")]);

export const CLONE_NEWNS = 0x20000;
export const CLONE_NEWUTS = 0x4000000;
export const CLONE_NEWPID = 0x20000000;
export const MS_REC = 0x4000;
export const MS_PRIVATE = 0x40000;
export const MS_BIND = 0x1000;

/** A mount namespace of our own, with a scratch file system on /mnt. */
export const ownMounts: readonly Step[] = [
  step("unshare", { flags: CLONE_NEWNS }),
  step("mount", { source: "none", target: "/", type: "", flags: MS_REC | MS_PRIVATE, data: "" }),
  step("mount", { source: "scratch", target: "/mnt", type: "tmpfs", flags: 0, data: "" }),
];

/** Ends a plan with a shell line. */
export const shell = (line: string, ...words: string[]): Step =>
  step("exec", { file: "/bin/sh", arguments: ["sh", "-c", line, ...words], append: true });
