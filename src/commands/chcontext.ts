/** chcontext: a new security context, or one root chose, then the command. */
import { contextFlags, hostContext, lastContext } from "../context/abi.ts";
import { secureRemoved } from "../linux/capability.ts";
import { type Step, step } from "../linux/plan/step.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import {
  become,
  ceilingSteps,
  chainExit,
  chainExits,
  chainRules,
  contextCall,
  listed,
  parseCapability,
  parseFlags,
  requireCommand,
} from "./chain.ts";
import type { Command } from "./command.ts";

const tool = "chcontext";

const flags = ["lock", "sched", "nproc", "private", "fakeinit", "hideinfo", "ulimit", "loopback"] as const;

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "run a command in a new security context",
  synopsis: ["chcontext [options] COMMAND [ARG…]"],
  description: [
    "Moves into a security context and executes COMMAND there. Processes of different contexts neither see nor signal each other; it cannot be undone, and children inherit it. Any user may make a new context.",
    "Root in context 0 with CAP_SYS_ADMIN may choose the context: 0, 1 (it sees every process and may touch none), or 2 to 65535, which is made when it does not exist and joined when it does. A process is in one context, so --ctx is given once.",
    "Changes are made in this order: the context with its flags, the host and domain name, the capability ceiling; then COMMAND runs. If one fails, COMMAND does not run.",
  ],
  options: [
    {
      flag: "--ctx",
      aliases: ["--xid"],
      value: "N",
      repeat: true,
      about: "choose the context; default: an unused one",
    },
    {
      flag: "--cap",
      value: "[!]CAP_NAME",
      repeat: true,
      about: "keep a capability that --secure would remove; with ! remove one. Comma lists are accepted, keeping wins",
    },
    { flag: "--secure", about: "remove the capabilities with which root could reach the machine or other contexts" },
    { flag: "--flag", value: "FLAG", repeat: true, about: `add a flag to the context: ${flags.join(", ")}` },
    { flag: "--hostname", value: "NAME", about: "set the host name of a UTS namespace of its own (root only)" },
    { flag: "--domainname", value: "NAME", about: "the same for the domain name; none is the empty one (root only)" },
    { flag: "--disconnect", about: "leave COMMAND in the background; the status is 0 when it could be executed" },
    { flag: "--silent", about: "do not print what has been set" },
  ],
  sections: [
    {
      title: "Flags",
      paragraphs: [
        "  lock      processes of the context cannot make or enter another one",
        "  sched     the context weighs like one process (virtual servers: their cgroup)",
        "  nproc     this process's limit of processes counts for the whole context",
        "  private   nobody enters the context any more, not even root of context 0",
        "  fakeinit  COMMAND is process 1 of a PID namespace with its own /proc (root only)",
        "  hideinfo  processes of the context learn nothing about it",
        "  ulimit    limits count for the whole context (virtual servers: their cgroup)",
        "  loopback  the context has 127.0.0.1 to itself",
      ],
    },
  ],
  exits: [...chainExits, ["0", "with --disconnect: COMMAND was executed and runs on"]],
  examples: [
    { command: "chcontext /bin/sh", about: "a shell that sees only what it starts" },
    { command: "chcontext --ctx 1 ps ax", about: "all processes of all contexts (root)" },
    { command: "chcontext --hostname lab --secure /bin/sh", about: "a root shell that is no longer almighty" },
  ],
  seeAlso: ["chbind(8)", "reducecap(8)", "vps(8)", "vkernel(8)"],
};

/** The context of --ctx; undefined for a new one. */
function chosenContext(args: Arguments): number | undefined {
  const [word, ...more] = args.values("--ctx");
  if (more.length > 0)
    throw new UsageError(tool, `--ctx given ${more.length + 1} times: a process is in one context`, chainExit);
  if (word === undefined) return undefined;
  const xid = /^\d{1,5}$/.test(word) ? Number(word) : Number.NaN;
  if (!(xid >= hostContext && xid <= lastContext)) {
    throw new UsageError(tool, `no context number: ${word} (${hostContext} to ${lastContext})`, chainExit);
  }
  return xid;
}

/** (secure and every !CAP) without every CAP, in whatever order they were given. */
function removedCapabilities(args: Arguments): bigint {
  let removed = args.has("--secure") ? secureRemoved() : 0n;
  let kept = 0n;
  for (const item of listed(args, "--cap")) {
    if (item.startsWith("!")) removed |= parseCapability(tool, item.slice(1));
    else kept |= parseCapability(tool, item);
  }
  return removed & ~kept;
}

const busy = { ETXTBSY: "a file with several names is open for writing: close it first" } as const;

const wayIn = {
  ...busy,
  EPERM: "the context is locked, or the process is being traced",
  EAGAIN: "every context number is in use",
};

function contextSteps(xid: number | undefined, mask: number): Step[] {
  const attempt = "set the new security context";
  if (xid === undefined) return [contextCall(tool, { operation: "NEW", flags: mask }, attempt, wayIn)];
  const wayOut = {
    ...busy,
    EPERM: "only root of context 0 with CAP_SYS_ADMIN may choose one, and none that is private",
  };
  const enter = contextCall(tool, { operation: "ENTER", xid }, attempt, wayOut);
  const add = contextCall(tool, { operation: "FLAGS", flags: mask }, "add flags to the context", {
    EPERM: "the context is locked",
    EINVAL: "context 0 has no flags",
  });
  return mask === 0 ? [enter] : [enter, add];
}

/** Keys are private to their context: what it came with is of no use there. A kernel may have no keys. */
const keyringSteps = [step("keyring", {}, "ignore")];

const CLONE_NEWNS = 0x0002_0000;
const CLONE_NEWUTS = 0x0400_0000;
const CLONE_NEWPID = 0x2000_0000;
const MS_REC_SLAVE = 0x4000 | 0x8_0000;
/** MS_NOSUID, MS_NODEV, MS_NOEXEC. */
const harmless = 2 | 4 | 8;

const onlyRoot = { EPERM: "only root may" };

const say = (text: string, silent: boolean): Step[] =>
  silent ? [] : [step("print", { descriptor: 1, text: `${text}\n` }, "ignore")];

function nameSteps(args: Arguments, silent: boolean): Step[] {
  const hostname = args.value("--hostname");
  const domainname = args.value("--domainname");
  const failure = (what: string) => ({ object: tool, attempt: `set the ${what} name`, wayOut: onlyRoot });
  const steps: Step[] = [];
  if (hostname !== undefined) {
    steps.push(
      step("set_hostname", { name: hostname }, failure("host")),
      ...say(`Host name is now ${hostname}`, silent),
    );
  }
  if (domainname !== undefined) {
    const name = domainname === "none" ? "" : domainname;
    steps.push(step("set_domainname", { name }, failure("domain")), ...say(`Domain name is now ${domainname}`, silent));
  }
  if (steps.length === 0) return [];
  return [step("unshare", { flags: CLONE_NEWUTS }, failure(hostname === undefined ? "domain" : "host")), ...steps];
}

/** The waiting process is of the same context, or it could not pass signals on to its child. */
function processOneSteps(disconnect: boolean): Step[] {
  const failure = { object: tool, attempt: "make the command process 1", wayOut: onlyRoot };
  return [
    step("unshare", { flags: CLONE_NEWPID | CLONE_NEWNS }, failure),
    step(disconnect ? "detach" : "fork_wait", {}, failure),
    step("mount", { source: "none", target: "/", type: "", flags: MS_REC_SLAVE, data: "" }, failure),
    step("mount", { source: "proc", target: "/proc", type: "proc", flags: harmless, data: "" }, failure),
  ];
}

export const command: Command = {
  manual,
  rules: chainRules,
  run(args) {
    const xid = chosenContext(args);
    const mask = parseFlags(tool, listed(args, "--flag"), flags);
    const removed = removedCapabilities(args);
    requireCommand(tool, args);
    const silent = args.has("--silent");
    const disconnect = args.has("--disconnect");
    const fakeinit = (mask & contextFlags.fakeinit) !== 0;
    return become(tool, args, [
      ...(disconnect && !fakeinit ? [step("detach", {}, { object: tool, attempt: "fork" })] : []),
      ...contextSteps(xid, mask),
      ...keyringSteps,
      ...nameSteps(args, silent),
      ...(fakeinit ? processOneSteps(disconnect) : []),
      ...ceilingSteps(tool, removed),
      ...say("New security context is {xid}", silent),
    ]);
  },
};
