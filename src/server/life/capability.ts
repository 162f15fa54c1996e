/** What root of a server may do. */
import { capabilityBit, lastCapability } from "../../linux/capability.ts";
import type { ServerConf } from "../conf/server.ts";
import { withheldBy } from "../limit/priority.ts";

/**
 * Kept by default: the set of 2003, and what a distribution of today needs and a server can be given safely. Each with its
 * reason; the man page vserver.conf(5) prints this table.
 */
export const defaultCapabilities: readonly (readonly [name: string, reason: string])[] = [
  ["CAP_CHOWN", "root owns its files, package managers change owners"],
  ["CAP_DAC_OVERRIDE", "root reads and writes every file of its own tree"],
  ["CAP_FOWNER", "root changes modes and times of every file of its own tree"],
  ["CAP_FSETID", "setuid and setgid bits survive root's changes"],
  ["CAP_KILL", "root signals every process of its own context"],
  ["CAP_SETGID", "login, daemons and su change groups"],
  ["CAP_SETUID", "login, daemons and su change users"],
  ["CAP_SETPCAP", "daemons lower their own bounding set; nothing can be raised with it"],
  ["CAP_NET_BIND_SERVICE", "services listen on ports below 1024, on the server's own address"],
  [
    "CAP_SYS_CHROOT",
    "sshd and mail servers chroot; the server's root is a mount namespace's, which chroot does not leave",
  ],
  ["CAP_SYS_PTRACE", "root traces and lists processes of its own context; no other context can be traced"],
  ["CAP_SYS_TTY_CONFIG", "login hangs up the server's own terminals"],
  ["CAP_LEASE", "file servers lease files of their own tree"],
  ["CAP_SETFCAP", "package managers set file capabilities, which the ceiling limits like everything else"],
  ["CAP_AUDIT_WRITE", "sshd and su write to the audit log, where there is one"],
];

/**
 * Left out of the set of 2003: with it a process opens files by handle, past every root directory, anywhere on the file
 * system that holds the server.
 */
export const withheldCapabilities: readonly (readonly [name: string, reason: string])[] = [
  ["CAP_DAC_READ_SEARCH", "open_by_handle_at(2) would reach every file of the file system the server is on"],
];

/**
 * Given by default only to a server with a security context: there the kernel half keeps what each would reach out of
 * reach. By name in S_CAPS they are given to any.
 */
export const contextCapabilities: readonly (readonly [name: string, reason: string])[] = [
  [
    "CAP_SYS_PTRACE",
    "its root could trace what enters it from the main server, before that has given up its capabilities",
  ],
  ["CAP_SYS_BOOT", "its root could load the kernel that the machine runs after its next restart by kexec"],
];

/** For a server with a process 1 of its own: reboot(2) then ends its PID namespace and nothing else. */
const fakeinitCapability = "CAP_SYS_BOOT";

const bit = (name: string): bigint => 1n << BigInt(capabilityBit(name) ?? 63);

/**
 * The mask of what the server's root may do; never more than this kernel knows.
 *
 * @param made how the server is set up: with a process 1 of its own, with a security context
 */
export function serverCapabilities(
  conf: Pick<ServerConf, "capabilities" | "nice">,
  made: { readonly fakeinit: boolean; readonly contexts: boolean },
): bigint {
  const { keep, remove } = conf.capabilities;
  const withheld = made.contexts ? [] : contextCapabilities.map(([name]) => name);
  const byDefault = [...defaultCapabilities.map(([name]) => name), ...(made.fakeinit ? [fakeinitCapability] : [])];
  const names = [...byDefault.filter((name) => !withheld.includes(name)), ...keep].filter(
    (name) => !remove.includes(name),
  );
  const kept = names.reduce((mask, name) => mask | bit(name), 0n);
  return kept & ((1n << BigInt(lastCapability() + 1)) - 1n) & ~withheldBy(conf.nice);
}
