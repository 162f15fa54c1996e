/**
 * The one source of what the kernel half and the tools say to each other.
 *
 * `scripts/gen-abi.ts` turns this table into `build/include/abi.h` for the C side; a test compiles that header and
 * compares size and offsets with {@link callLayout}.
 */

/** Raised whenever a struct, a number or a meaning below changes; pinned objects of another version are refused. */
export const abiVersion = 5;

/** Where the kernel half is pinned. */
export const pinDirectory = "/run/vserver/bpf/active";

/**
 * Extended attribute of a unified file; there or not, its value means nothing. Of the namespaces that the kernel lets a
 * hook read from, this one is kept by `tar --xattrs` and `rsync -X` without further words.
 */
export const unifiedMark = "user.vserver.iunlink";

/** Operations of the pinned call. Every one but QUERY is irreversible. */
export const operations = {
  /** Reports the caller's own context, flags, ceiling and address. */
  QUERY: 0,
  /** Moves the caller into a new context with an unused id of 49152…65535. Any user. */
  NEW: 1,
  /** Moves the caller into the context `xid`, made when there is none. Root of context 0 with CAP_SYS_ADMIN. */
  ENTER: 2,
  /** Adds `flags` to the caller's own context. Its owner (the user that made it) or CAP_SYS_ADMIN. */
  FLAGS: 3,
  /** Lowers the caller's capability ceiling to `ceiling` AND what it is. Any user. */
  CEILING: 4,
  /** Ties the caller to the addresses; a caller that is tied already may only drop some of its own. Any user. */
  ADDRESS: 5,
  /** Keeps the record of context `xid` while it has no task. Root of context 0 with CAP_SYS_ADMIN. */
  HOLD: 6,
  /** Undoes HOLD; a record without tasks is freed. Root of context 0 with CAP_SYS_ADMIN. */
  RELEASE: 7,
  /** Reports the record of context `xid`. Root of context 0 or 1. */
  INSPECT: 8,
  /** As ENTER, but fails with EEXIST when the context is there already. Root of context 0 with CAP_SYS_ADMIN. */
  CREATE: 9,
  /**
   * Makes the caller the one that copies unified files for servers which write to them; it is that until it ends, or
   * calls with `flags` 1. EBUSY while another process is. Root of context 0 with CAP_SYS_ADMIN.
   */
  COPIER: 10,
  /** Tells that request `ceiling` of context `xid` is done, with the errno `flags` or 0. The copier's children too. */
  COPIED: 11,
} as const;
export type Operation = keyof typeof operations;

/** Flags of a context, with the bit values of 2003. */
export const contextFlags = {
  /** No process of the context makes or enters another one. */
  lock: 1,
  /** The context weighs like one process for the scheduler (a server's cgroup does it). */
  sched: 2,
  /** RLIMIT_NPROC of the process that sets it counts for the whole context. */
  nproc: 4,
  /** Nobody enters the context, root of context 0 included. */
  private: 8,
  /** The context has a process 1 of its own, in a PID namespace. */
  fakeinit: 16,
  /** Processes of the context learn nothing about it. */
  hideinfo: 32,
  /** Resource limits count for the whole context (a server's cgroup does it). */
  ulimit: 64,
  /** 127.0.0.1 and ::1 are the context's own: what binds or connects to it meets only the context's processes. */
  loopback: 256,
  /** Set by HOLD (or by root at NEW, ENTER and CREATE), cleared by RELEASE. */
  held: 65536,
} as const;
export type ContextFlag = keyof typeof contextFlags;

/**
 * A server's request for a copy of its own of a unified file (flag `cow`), one at a time: free, being written by the kernel
 * half, asked, and not fulfilled.
 */
export const copyStates = { FREE: 0, FILLING: 1, ASKED: 2, FAILED: 3 } as const;
/** Servers that can have the flag at a time. */
export const copyServers = 2048;
/** Directories between a file and the root of its file system, and bytes of a name with its end. */
export const copyDepth = 64;
export const copyName = 256;
/** Bytes of the path of a server's tree, with its end. */
export const copyRoot = 1024;
/** Bytes of the ring that tells of requests, a power of two. */
export const copyRing = 64 * 1024;

/** What a server can ask for by reboot(2). */
export const bootRequests = { REBOOT: 1, HALT: 2 } as const;
/** Bytes of the ring that tells of it, a power of two. */
export const bootRing = 64 * 1024;

/** The context every process starts in. */
export const hostContext = 0;
/** The context that sees every process and may touch none. */
export const spectatorContext = 1;
/** Ids root may choose: `spectatorContext` and firstGuest…lastContext. */
export const firstGuestContext = 2;
/** Ids NEW hands out: firstDynamicContext…lastContext. */
export const firstDynamicContext = 49152;
export const lastContext = 65535;

/** Every capability the 64-bit ceiling can hold. */
export const fullCeiling = 0xffff_ffff_ffff_ffffn;

/** Most addresses a task can be tied to, IPv4 and IPv6 together. */
export const mostAddresses = 16;
/**
 * First half of the IPv6 loopback addresses of contexts, `fd76:7365:7276:6572::ID`, a prefix of RFC 4193; what an IPv4
 * loopback of a context is follows from its id alone: 127.(id / 256).(id % 256).1.
 */
export const loopback6Prefix = 0xfd76_7365_7276_6572n;

type FieldType = "u8" | "u16" | "u32" | "s32" | "u64";
/** A field's name and type, and how many there are in a row. */
type Field = readonly [name: string, type: FieldType, count?: number];

/** `struct vs_call`: what goes in and out of the pinned call. Little-endian, fields at their natural alignment. */
export const callFields = [
  ["version", "u32"],
  ["operation", "u32"],
  /** 0, or a negative errno. */
  ["result", "s32"],
  ["xid", "u32"],
  ["flags", "u32"],
  /** IPv4 broadcast address in network byte order that may be bound to besides; 0 is none. */
  ["broadcast", "u32"],
  /** Bit mask of the capabilities that may be used. */
  ["ceiling", "u64"],
  /** Number of tasks (threads) of the context; out only. */
  ["tasks", "u32"],
  /** User that made the context; out only. */
  ["owner", "u32"],
  /** How many of the addresses are IPv4: they come first. */
  ["count4", "u16"],
  /** How many addresses there are; none is no rule. */
  ["count", "u16"],
  /** Length of each address's network prefix, of 128 bits. */
  ["prefixes", "u8", mostAddresses],
  /** The addresses, 16 bytes each in network byte order; IPv4 as ::ffff:a.b.c.d. */
  ["addresses", "u8", 16 * mostAddresses],
] as const satisfies readonly Field[];

/** `struct group`: what the network programs know of a server's control group; the key is the group's id, a u64. */
export const groupFields = [
  /** The context whose loopback it has, 0 for none. */
  ["loop", "u32"],
  ["unused", "u32"],
  /** Packets the backstop dropped. */
  ["dropped", "u64"],
  /** Another number for another set of addresses; the rest as in `struct vs_call`. */
  ["id", "u64"],
  ["broadcast", "u32"],
  ["count4", "u16"],
  ["count", "u16"],
  ["prefixes", "u8", mostAddresses],
  ["addresses", "u8", 16 * mostAddresses],
] as const satisfies readonly Field[];

/** What a limit record without S_NICE has: nobody's level is below it. */
export const noLeastNice = -21;
/** Open files that can be counted at a time, of all contexts together: half a million take 8 MB of kernel memory. */
export const mostCountedFiles = 1 << 19;

/** `struct limit`: limits of a context that no control group knows; the key is the context's id, a u32. */
export const limitFields = [
  /** Another one whenever a server is set up, so that what an earlier one left is told apart. */
  ["generation", "u64"],
  /** Most open files; 0: they are not counted. */
  ["files", "u64"],
  /** The best level of nice, or {@link noLeastNice}. */
  ["least_nice", "s32"],
  /** 1: its processes may not move files to another project. */
  ["fixed_project", "u32"],
] as const satisfies readonly Field[];

/** `struct usage`: what the kernel has counted, by the same key. */
export const usageFields = [
  ["generation", "u64"],
  ["files", "u64"],
  /** Files that were not opened. */
  ["files_refused", "u64"],
] as const satisfies readonly Field[];

/** `struct own_proc`: what a server with PROC=own is shown, by context; the kernel keeps its load average in the rest. */
export const ownProcFields = [
  /** When the server was started, in nanoseconds since boot. */
  ["started", "u64"],
  /** How many it may use. */
  ["processors", "u32"],
  ["sampled", "u32"],
  ["pressure", "u64"],
  ["load", "u64", 3],
  ["timer", "u64", 2],
] as const satisfies readonly Field[];

/** `struct vs_copy`: the request of a server that has the flag `cow`; the key is its context's id, a u32. */
export const copyFields = [
  ["state", "u32"],
  /** Why it failed: 0, or an errno. */
  ["error", "s32"],
  /** The thread that asked, as bpf_get_current_pid_tgid() has it. */
  ["asker", "u64"],
  /** Nanoseconds since boot when it failed. */
  ["failed", "u64"],
  /** Another number for every request. */
  ["id", "u64"],
  /** The user that the asker accesses files as. */
  ["user", "u32"],
  /** How many names there are: the file's own, its directory's, and so on to the root of the file system. */
  ["depth", "u32"],
  ["inodes", "u64", copyDepth],
  ["names", "u8", copyDepth * copyName],
  /** Path of the server's tree on the main server. */
  ["root", "u8", copyRoot],
] as const satisfies readonly Field[];

interface Layout {
  /** Byte offset of each field. */
  readonly offsets: Readonly<Record<string, number>>;
  readonly size: number;
}

const widths: Readonly<Record<FieldType, number>> = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8 };

function layout(fields: readonly Field[]): Layout {
  const offsets: Record<string, number> = {};
  let at = 0;
  for (const [name, type, count] of fields) {
    at = Math.ceil(at / widths[type]) * widths[type];
    offsets[name] = at;
    at += widths[type] * (count ?? 1);
  }
  return { offsets, size: Math.ceil(at / 8) * 8 };
}

export const callLayout: Layout = layout(callFields);
export const groupLayout: Layout = layout(groupFields);
export const limitLayout: Layout = layout(limitFields);
export const usageLayout: Layout = layout(usageFields);
export const ownProcLayout: Layout = layout(ownProcFields);
export const copyLayout: Layout = layout(copyFields);
