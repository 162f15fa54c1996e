/** The other machine: commands run there over ssh, trees sent there by rsync. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { isatty } from "node:tty";
import { ensureRunDirectory, runDirectory } from "../../context/rundir.ts";
import { mountFlags } from "../../linux/mount.ts";
import { step } from "../../linux/plan/step.ts";
import { runPlan } from "../../linux/spawn.ts";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";

const CLONE_NEWNS = 0x00020000;
/** Links on such a mount can be read, not followed (Linux 5.10). */
const MS_NOSYMFOLLOW = 256;
/** ssh's own failures: it did not get there. */
export const unreachable = 255;
/** Files that went away while rsync read, as they do in a server that runs. */
const vanished = 24;

export interface Remote {
  /** As ssh knows it: [USER@]HOST. */
  readonly host: string;
  /** Words that run a command there: `ssh`, or as --rsh says. */
  readonly shell: readonly string[];
}

/** Says within a minute that the network has gone, which TCP itself never does to whoever only waits. */
const defaultShell = "ssh -o ServerAliveInterval=15";

/** @throws VserverError for what ssh or rsync would take for an option or a path. */
export function remote(object: string, host: string, shell: string | undefined): Remote {
  if (!/^([A-Za-z0-9_][A-Za-z0-9_.-]*@)?([A-Za-z0-9][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])$/.test(host)) {
    const wayOut = "write [USER@]HOST; ports and keys belong into ssh_config(5) or --rsh";
    throw new VserverError({
      object,
      attempt: `reach ${JSON.stringify(host)}`,
      cause: "it is no name of a host",
      wayOut,
    });
  }
  return { host, shell: (shell ?? defaultShell).split(/\s+/).filter(Boolean) };
}

export interface Answer {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `vserver WORDS…` there; a status that is not in `accepted` is our failure, in its words. */
export async function askThere(
  there: Remote,
  object: string,
  words: readonly string[],
  accepted: readonly number[] = [0],
): Promise<Answer> {
  const host = there.host.replace(/[[\]]/g, "");
  const child = Bun.spawn([...there.shell, host, "vserver", ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (accepted.includes(status)) return { status, out, err };
  const cause = err.trim().split("\n").at(-1) || `it ended with status ${status}`;
  const wayOut = status === unreachable ? `mend that: ${there.shell.join(" ")} ${there.host}` : "see to it there";
  throw new VserverError({ object, attempt: `run vserver ${words.join(" ")} on ${there.host}`, cause, wayOut });
}

/**
 * Owners by number, hard links, ACLs, attributes and with them capabilities, holes, times to the nanosecond (rsync takes
 * the same second for the same time unless told otherwise); one file system.
 */
const options = [
  "-aHAXS",
  "--numeric-ids",
  "--modify-window=-1",
  "--one-file-system",
  "--delete",
  "--partial",
  "--timeout=120",
];

export interface Shipment {
  readonly from: string;
  /** Absolute there. */
  readonly to: string;
  /** Trees there with the same files, for hard links instead of copies. */
  readonly likeness?: string;
  /** Patterns of what is sent; without it everything is. */
  readonly includes?: readonly string[];
}

/**
 * Makes `to` there what `from` is here; interrupted, the next one goes on where it was. The tree may belong to a server
 * that runs: it is read through a mount on which no link leads anywhere, so that none swapped in meanwhile leads out of it.
 */
export async function ship(there: Remote, name: ServerName, shipment: Shipment): Promise<void> {
  const object = `vserver ${name}`;
  const attempt = `send it to ${there.host}`;
  const failure = { object, attempt, wayOut: { ENOENT: "install rsync" } };
  ensureRunDirectory();
  const window = join(runDirectory, ".window");
  mkdirSync(window, { recursive: true, mode: 0o700 });
  const { MS_BIND, MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT, MS_SLAVE } = mountFlags;
  const flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOSYMFOLLOW;
  const shown = isatty(2);
  const words = [
    ...["rsync", ...options, "-e", there.shell.join(" "), ...(shown ? ["--info=progress2"] : [])],
    ...(shipment.includes === undefined ? [] : [...shipment.includes.map((one) => `--include=${one}`), "--exclude=*"]),
    ...(shipment.likeness === undefined ? [] : [`--link-dest=${shipment.likeness}`]),
    ...[`${window}/`, `${there.host}:${shipment.to}/`],
  ];
  const { status } = await runPlan(
    [
      step("unshare", { flags: CLONE_NEWNS }, failure),
      step("mount", { source: "", target: "/", type: "", flags: MS_REC | MS_SLAVE, data: "" }, failure),
      step("mount", { source: shipment.from, target: window, type: "", flags: MS_BIND, data: "" }, failure),
      step("mount", { source: "", target: window, type: "", flags, data: "" }, failure),
      step("exec", { file: "", arguments: words, append: false }, failure),
    ],
    // What is shown is progress, and that is no result.
    { stdin: "ignore", stdout: shown ? 2 : "ignore" },
  );
  if (status === 0 || status === vanished) return;
  const wayOut = "the same command goes on where it stopped";
  throw new VserverError({ object, attempt, cause: `rsync ended with status ${status}`, wayOut });
}
