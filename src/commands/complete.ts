/** What may come next on a command line of ours: asked by the shells' completions, answered from the manuals. */
import { configuredServers } from "../server/boot/servers.ts";
import { serverKeys } from "../server/conf/server.ts";
import { commonOptions, type Manual, type OptionSpec } from "../text/manual.ts";
import { commands } from "./index.ts";
import { pages } from "./pages.ts";
import { methods } from "./vserver/build.ts";

/** Subcommands of `vserver NAME`, in the order of a server's life. What only our own tools call is not among them. */
export const subcommands = [
  ...["build", "start", "stop", "restart", "running", "status", "enter", "exec", "suexec", "service", "chkconfig"],
  ...["config", "verify", "copy", "sync", "move", "takeover", "rename", "delete"],
] as const;

/** undefined: a file, or what we know nothing about. */
type Candidates = readonly string[] | undefined;

const manualNames: Readonly<Record<string, string>> = {
  build: "vserver-build",
  config: "vserver-config",
  delete: "vserver-delete",
  verify: "vserver-verify",
  copy: "vserver-move",
  sync: "vserver-move",
  move: "vserver-move",
  takeover: "vserver-move",
};

/** Words after `vserver NAME SUBCOMMAND`. */
function subcommandWords(subcommand: string, before: readonly string[]): Candidates {
  const [first] = before;
  switch (subcommand) {
    case "config":
      if (first === undefined) return ["get", "set", "edit", "check"];
      return first === "get" ? serverKeys : first === "set" ? serverKeys.map((key) => `${key}=`) : [];
    case "chkconfig":
      return before.length === 1 ? ["on", "off"] : undefined;
    case "service":
      return before.length === 1 ? ["start", "stop", "restart", "reload", "status"] : undefined;
    case "build":
      return first === undefined ? configuredServers() : undefined;
    case "status":
      return ["--watch", "--json"];
    case "exec":
    case "suexec":
      return undefined;
    default:
      return [];
  }
}

/** Words of the tools that take some of their own. */
const toolWords: Readonly<Record<string, (before: readonly string[]) => Candidates>> = {
  vserver: ([name, subcommand, ...before]) => {
    if (name === undefined) return [...configuredServers(), "list"];
    if (subcommand === undefined) return subcommands;
    return subcommandWords(subcommand, before);
  },
  vexec: ([name]) => (name === undefined ? configuredServers() : undefined),
  vlimit: ([name]) => (name === undefined ? configuredServers() : undefined),
  vcheck: () => configuredServers(),
  vfiles: () => configuredServers(),
  vapt: () => [...configuredServers(), "ALL"],
  vdpkg: () => [...configuredServers(), "ALL"],
  vrpm: () => [...configuredServers(), "ALL"],
  vunify: () => [...configuredServers(), "ALL"],
  vservers: ([word]) => (word === undefined ? ["start", "stop", "restart", "reload", "status"] : []),
  vkernel: ([word]) => (word === undefined ? ["load", "unload", "status", "check"] : []),
};

async function manualOf(tool: string, words: readonly string[]): Promise<Manual | undefined> {
  const page = tool === "vserver" ? manualNames[words[1] ?? ""] : undefined;
  if (page !== undefined) return pages.find((one) => one.name === page);
  return (await commands[tool]?.())?.command.manual ?? pages.find((one) => one.name === tool);
}

const spellings = (option: OptionSpec): readonly string[] => [option.flag, ...(option.aliases ?? [])];

/**
 * @param line the tool's name and the words after it; the last one is being typed, and may be empty
 * @returns words that begin as the last one does; undefined where the shell knows better
 */
async function candidates(line: readonly string[]): Promise<Candidates> {
  const [tool = "", ...words] = line;
  const typed = words.at(-1) ?? "";
  const earlier = words.slice(0, -1);
  // Options of ours stand before the words, or belong to a subcommand that has a manual of its own.
  const manual = await manualOf(
    tool,
    earlier.filter((word) => !word.startsWith("-")),
  );
  const options = manual === undefined ? [] : [...manual.options, ...commonOptions];
  const valued = options.find(
    (option) => option.value !== undefined && spellings(option).includes(earlier.at(-1) ?? ""),
  );
  const beginning = (list: Candidates) => list?.filter((word) => word.startsWith(typed));
  if (valued !== undefined) return valued.flag === "--method" ? beginning(methods) : undefined;
  const isValue = (at: number) =>
    options.some((option) => option.value !== undefined && spellings(option).includes(earlier[at - 1] ?? ""));
  const operands = earlier.filter((word, at) => !word.startsWith("-") && !isValue(at));
  if (typed.startsWith("-")) {
    const more = tool === "vserver" && operands[1] === "status" ? ["--watch"] : [];
    return beginning([...options.map((option) => option.flag), ...more]);
  }
  return beginning(toolWords[tool]?.(operands));
}

/** Every tool that the shells ask about. */
export const completedTools = (): readonly string[] => [...Object.keys(commands), "vexec", "rebootmgr", "cowmgr"];

/** `vserver complete -- LINE…`: a word a line; status 1 where the shell knows better. */
export async function complete(line: readonly string[]): Promise<number> {
  const found = await candidates(line);
  if (found === undefined) return 1;
  for (const word of found) console.log(word);
  return 0;
}
