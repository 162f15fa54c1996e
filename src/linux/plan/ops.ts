/**
 * The one source of the plan format: what TypeScript may ask of `launch`, and how it is written down.
 *
 * `scripts/gen-plan.ts` turns this table into `build/include/plan_ops.h`. A server's `enter.plan` outlives an upgrade of
 * the tools, so a number or a signature never changes its meaning: new operations get new numbers.
 *
 * A plan is little-endian and unaligned: magic u32, version u32, number of steps u32, exit status u32, report descriptor
 * s32; then each step: operation u16, flags u16, failure text, way-outs (count u32, each an errno u32 (0: any) and a
 * text), arguments by the operation's signature.
 */

/** "VSPL". */
export const planMagic = 0x4c505356;
export const planVersion = 1;
/** Largest plan that is read, in bytes. */
export const planLimit = 1 << 20;

export const stepFlags = {
  /** A failure of this step changes nothing. */
  IGNORE: 1,
} as const;

/** Failures that have no errno of their own. */
export const planFailures = {
  NO_USER: { number: 4096, words: "no such user" },
} as const;

/**
 * Kinds of argument: `i` a signed 64-bit number; `s` a string without NUL (length u32, bytes, NUL); `b` bytes (the same);
 * `v` a list of strings (count u32, strings).
 */
export type ArgumentKind = "i" | "s" | "b" | "v";

/**
 * Operations, in the order of their numbers, each with its arguments in order. A slot (0…15) is a descriptor `launch` keeps for
 * later steps and closes at exec. In `text`, `{xid}` stands for the context id reported by the last context_call.
 */
export const operations = {
  /** unshare(2). */
  unshare: { flags: "i" },
  /** Opens `path` (close-on-exec, mode 0600 when created) into a slot. */
  open: { slot: "i", path: "s", flags: "i" },
  /** setns(2) to the namespace in a slot; type 0 is any. */
  setns: { slot: "i", type: "i" },
  /** mount(2); empty source, type and data are passed as they stand. */
  mount: { source: "s", target: "s", type: "s", flags: "i", data: "s" },
  umount: { target: "s", flags: "i" },
  /** Makes `directory` (a mount point) the root and detaches the old one. */
  pivot_root: { directory: "s" },
  chroot: { directory: "s" },
  chdir: { directory: "s" },
  /** An existing directory is left as it is; the umask does not count. */
  mkdir: { path: "s", mode: "i" },
  /** The umask does not count. */
  mknod: { path: "s", mode: "i", device: "i" },
  symlink: { target: "s", path: "s" },
  /** Writes `text` to the file `path` in one write(2); `flags` are added to O_WRONLY, `mode` counts when it is created. */
  write: { path: "s", text: "s", flags: "i", mode: "i" },
  /** Writes `text` to the descriptor in a slot in one write(2). */
  write_slot: { slot: "i", text: "s" },
  set_hostname: { name: "s" },
  set_domainname: { name: "s" },
  /** -1 is no limit, -2 leaves that side as it is. */
  rlimit: { resource: "i", soft: "i", hard: "i" },
  nice: { increment: "i" },
  umask: { mask: "i" },
  /** Takes everything outside `mask` out of the capability bounding set. */
  bounding: { mask: "i" },
  /** Lowers the capability sets to these masks and clears the ambient set; never raises anything. */
  capabilities: { effective: "i", permitted: "i", inheritable: "i" },
  no_new_privs: {},
  /** Sets the supplementary groups: 32-bit ids. */
  groups: { ids: "b" },
  user: { uid: "i", gid: "i" },
  /** Becomes a user of the present root's /etc/passwd: groups, ids, HOME, USER, LOGNAME, SHELL. */
  login: { name: "s" },
  /** Closes every descriptor from `from` up, slots too, but those listed (32-bit numbers). */
  close_from: { from: "i", keep: "b" },
  setsid: {},
  /** Joins a new anonymous session keyring. */
  keyring: {},
  /** prctl(2); fails when nobody is left to read the report, for then the parent may have ended before. 0 is no signal. */
  pdeathsig: { signal: "i" },
  /** Default action for every signal but those in the mask `ignored` (bit N-1 is signal N); none blocked. */
  signals: { ignored: "i" },
  /** Goes on in a child; the parent waits until that has executed its program (0) or failed (the plan's status). */
  detach: {},
  /** Goes on in a child; the parent passes signals on and exits as the child does, 128 + signal when it was killed. */
  fork_wait: {},
  /** Opens the pinned context call. */
  context_open: { path: "s" },
  /** Runs the context call with a `struct vs_call`; a negative result is the step's failure. */
  context_call: { call: "b" },
  print: { descriptor: "i", text: "s" },
  /** Replaces the whole environment. */
  environment: { variables: "v" },
  setenv: { name: "s", value: "s" },
  unsetenv: { name: "s" },
  /** Puts the namespace in a slot on the file `target`, which keeps it alive. */
  bind: { slot: "i", target: "s" },
  /** Keeps a copy of the mount at `path` (with everything below it when `recursive`) in a slot, for attach. */
  clone_tree: { slot: "i", path: "s", recursive: "i" },
  attach: { slot: "i", target: "s" },
  /** Makes a terminal of the present root's /dev/ptmx the controlling one and standard input to error; its master goes through the socket. */
  pty: { socket: "i" },
  /**
   * execve(2) of `file`, looked up in PATH when it has no slash; when it is empty, of the first argument. With `append`
   * the words after the plan's descriptor are added to `arguments`.
   */
  exec: { file: "s", arguments: "v", append: "i" },
  /** kill(2); pid -1 is every process this one may signal. */
  kill: { pid: "i", signal: "i" },
  /**
   * The next fork_wait or detach makes its child in the control group whose directory is open in a slot. Unlike a move by
   * cgroup.procs this does not wait until every processor has been quiet once (clone3(2), CLONE_INTO_CGROUP, Linux 5.7).
   */
  fork_into: { slot: "i" },
  /**
   * unshare(2) of the mount namespace, so that the new one can be pinned in the one before: newer kernels number them by
   * processor and refuse (ELOOP) the pin of one with a lower number. Tries one processor after another.
   */
  mount_namespace: {},
  /** renameat(2) within the directory open in a slot, whatever the root is by now. */
  rename: { slot: "i", from: "s", to: "s" },
  /** setpriority(2): the nice level itself, where `nice` adds to it. */
  priority: { nice: "i" },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ArgumentKind>>>>;

export type OperationName = keyof typeof operations;

/** The names in the order of their numbers. */
export const operationNames = Object.keys(operations) as readonly OperationName[];
