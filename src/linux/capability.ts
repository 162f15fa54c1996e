/** The kernel's capabilities by name and bit, and the set that `--secure` takes away. */
import { readText } from "./proc.ts";

/** Capability names; the index is the bit number (linux/capability.h; 0 to 40, complete since Linux 5.9). */
export const capabilityNames: readonly string[] = Object.freeze([
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
]);

/** The bit of `CAP_NET_RAW` (any case, `CAP_` mandatory as in the tools of 2003); undefined when there is no such name. */
export function capabilityBit(name: string): number | undefined {
  const bit = capabilityNames.indexOf(name.toUpperCase());
  return bit < 0 ? undefined : bit;
}

/**
 * The highest capability bit of the running kernel.
 *
 * @throws Error (ENOENT) when /proc is not mounted.
 */
export function lastCapability(): number {
  return Number(readText("/proc/sys/kernel/cap_last_cap"));
}

const maskOf = (...names: readonly string[]): bigint =>
  names.reduce((mask, name) => mask | (1n << BigInt(capabilityNames.indexOf(`CAP_${name}`))), 0n);

// Masks are worked out when they are asked for: most runs of a chain loader never do, and it takes a millisecond.

/** What `--secure` removed in 2003: the fifteen of the vserver tools 0.22 (`chcontext`, `reducecap`). */
export const secureRemoved2003 = (): bigint =>
  maskOf(
    "LINUX_IMMUTABLE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "MKNOD",
  );

/**
 * Capabilities the list of 2003 could not know (bits 29 and up), among them the parts later split off CAP_SYS_ADMIN
 * (SYSLOG, PERFMON, BPF, CHECKPOINT_RESTORE). All go but AUDIT_WRITE and SETFCAP, which util-vserver 0.30 left to its
 * guests too: login programs and package managers need them. Bits 41 to 63 go as well: a capability that a kernel of
 * tomorrow adds is not given to a server by oversight.
 */
export const secureRemovedSince = (): bigint =>
  maskOf(
    "AUDIT_CONTROL",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
  ) |
  (((1n << 64n) - 1n) ^ ((1n << BigInt(capabilityNames.length)) - 1n));

/** What `--secure` removes: both sets above. */
export const secureRemoved = (): bigint => secureRemoved2003() | secureRemovedSince();
