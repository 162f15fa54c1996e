/** /run/vserver: a file system of our own, private, so that namespaces can be pinned on its files. */
import { mkdirSync } from "node:fs";
import { waitForLock } from "../linux/lock.ts";
import { mount, mountAt, mountFlags } from "../linux/mount.ts";

export const runDirectory = "/run/vserver";
/** Mount point of our own bpffs. */
export const bpfDirectory = `${runDirectory}/bpf`;

/** Of two at once one would mount over what the other has mounted. */
const lockFile = `${runDirectory}.lock`;
const harmless = mountFlags.MS_NOSUID | mountFlags.MS_NODEV | mountFlags.MS_NOEXEC;

/** Makes and mounts `directory` when it is not there, or not yet private. */
function ensureMounted(directory: string, source: string, type: string): void {
  if (mountAt(directory)?.shared === false) return;
  const letGo = waitForLock(lockFile);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    if (mountAt(directory) === undefined) mount(source, directory, type, harmless, "mode=0755");
    if (mountAt(directory)?.shared) mount("", directory, "", mountFlags.MS_PRIVATE);
  } finally {
    letGo();
  }
}

/** Makes and mounts the run directory when it is not there. Root only; safe to repeat. */
export function ensureRunDirectory(): void {
  ensureMounted(runDirectory, "vserver", "tmpfs");
}

/** The run directory with the bpffs in it. */
export function ensureBpfDirectory(): void {
  ensureRunDirectory();
  ensureMounted(bpfDirectory, "bpf", "bpf");
}
