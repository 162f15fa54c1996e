/** reducecap: lowers the capability ceiling in the present context, then the command. */

import { fullCeiling } from "../context/abi.ts";
import { callKernel } from "../context/call.ts";
import { capabilityNames, lastCapability, secureRemoved } from "../linux/capability.ts";
import { step } from "../linux/plan/step.ts";
import { ownCapabilities } from "../linux/status.ts";
import type { Arguments } from "../text/arguments.ts";
import type { Manual } from "../text/manual.ts";
import {
  become,
  ceilingSteps,
  chainExits,
  chainRules,
  contextCall,
  listed,
  parseCapability,
  parseFlags,
  requireCommand,
} from "./chain.ts";
import type { Command } from "./command.ts";

const tool = "reducecap";

/** No fakeinit and no ulimit: those are made with the context. */
const flags = ["lock", "sched", "nproc", "private", "hideinfo"] as const;

/** `--NET_RAW` takes CAP_NET_RAW away. */
const capabilityOptions = capabilityNames.map((name) => ({ flag: name.replace("CAP_", "--"), name }));

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "run a command under a lower capability ceiling",
  synopsis: ["reducecap [--show] [--secure] [--flag FLAG] [--CAPABILITY…] COMMAND [ARG…]", "reducecap --show"],
  description: [
    "Takes capabilities away from the process for good and executes COMMAND in the context it is in. Children inherit the ceiling, and no setuid program or file capability gives back what is above it. Any user may do it.",
    "vinfo(1) shows the ceiling. The sets in /proc/PID/status show it too when the process may change them, that is with CAP_SETPCAP.",
  ],
  options: [
    { flag: "--show", about: "print the capabilities the process has; COMMAND may be left out then" },
    { flag: "--secure", about: "remove the capabilities with which root could reach the machine or other contexts" },
    { flag: "--flag", value: "FLAG", repeat: true, about: `add a flag to the context: ${flags.join(", ")}` },
    ...capabilityOptions.map(({ flag, name }) => ({ flag, about: `remove ${name}` })),
  ],
  exits: [...chainExits, ["0", "--show without COMMAND"]],
  examples: [
    { command: "reducecap --secure /bin/sh", about: "a shell in which even su gives a root of limited power" },
    { command: "reducecap --NET_RAW --SYS_CHROOT COMMAND", about: "take two capabilities away" },
  ],
  seeAlso: ["chcontext(8)", "chbind(8)", "vinfo(1)", "capabilities(7)"],
};

function removedCapabilities(args: Arguments): bigint {
  const named = capabilityOptions.filter(({ flag }) => args.has(flag));
  return named.reduce(
    (mask, { name }) => mask | parseCapability(tool, name),
    args.has("--secure") ? secureRemoved() : 0n,
  );
}

/** The ceiling the kernel half keeps for this process; full where it keeps none or hides it. */
function ceiling(): bigint {
  try {
    return callKernel({ operation: "QUERY" }).ceiling;
  } catch {
    return fullCeiling;
  }
}

/** A row a capability, an X for each set that has it. */
function capabilityTable(): string {
  const row = (...cells: readonly [string, string, string, string]) =>
    [cells[0].padStart(22), ...cells.slice(1).map((cell) => cell.padStart(9))].join(" ");
  const own = ownCapabilities();
  const limit = ceiling();
  const rows = capabilityNames.slice(0, lastCapability() + 1).map((name, bit) => {
    const mark = (set: bigint) => (((set & limit) >> BigInt(bit)) & 1n ? "X    " : "");
    return row(name, mark(own.effective), mark(own.permitted), mark(own.inheritable));
  });
  return [row("Capability", "Effective", "Permitted", "Inheritable"), ...rows].join("\n");
}

export const command: Command = {
  manual,
  rules: chainRules,
  run(args) {
    const mask = parseFlags(tool, listed(args, "--flag"), flags);
    const removed = removedCapabilities(args);
    const show = args.has("--show");
    if (!show) requireCommand(tool, args);
    if (show) console.log(capabilityTable());
    if (args.words.length === 0) return 0;
    const add = contextCall(tool, { operation: "FLAGS", flags: mask }, "add flags to the context", {
      EPERM: "the context is locked, or another user's",
      EINVAL: "context 0 has no flags: make a context with chcontext first",
    });
    return become(tool, args, [
      ...(mask === 0 ? [] : [add]),
      ...ceilingSteps(tool, removed),
      step("print", { descriptor: 2, text: "Executing\n" }, "ignore"),
    ]);
  },
};
