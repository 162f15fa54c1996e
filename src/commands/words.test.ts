/** Wrong words are answered with one line and a documented exit status, before anything is looked at or changed. */
import { expect, test } from "bun:test";
import { UsageError } from "../text/error.ts";
import { helpText } from "../text/manual.ts";
import { runCommand } from "./command.ts";
import { commands } from "./index.ts";

async function complaint(tool: string, words: readonly string[]): Promise<{ message: string; exitCode: number }> {
  const load = commands[tool];
  if (load === undefined) throw new Error(`no tool ${tool}`);
  const { command } = await load();
  const thrown: unknown = await Promise.resolve()
    .then(() => runCommand(command, words))
    .catch((error: unknown) => error);
  if (!(thrown instanceof UsageError)) throw new Error(`${tool} ${words.join(" ")} was not refused: ${String(thrown)}`);
  return { message: thrown.message, exitCode: thrown.exitCode };
}

for (const [line, text, exitCode] of [
  ["chcontext", "a command is needed", 255],
  ["chcontext --silent --", "a command is needed", 255],
  ["chcontext --nope x", "unknown option --nope", 255],
  ["chcontext -x y", "unknown option -x", 255],
  ["chcontext --ctx", "--ctx needs a value (N)", 255],
  ["chcontext --ctx 65536 x", "no context number: 65536 (0 to 65535)", 255],
  ["chcontext --ctx -1 x", "no context number: -1 (0 to 65535)", 255],
  ["chcontext --ctx 2 --xid 3 x", "--ctx given 2 times: a process is in one context", 255],
  ["chcontext --silent=1 x", "--silent takes no value", 255],
  ["chcontext --cap NET_RAW x", "unknown capability NET_RAW", 255],
  ["chcontext --cap CAP_CHOWN,!CAP_NOPE x", "unknown capability CAP_NOPE", 255],
  [
    "chcontext --flag lock,nope x",
    "unknown flag nope (lock sched nproc private fakeinit hideinfo ulimit loopback)",
    255,
  ],
  ["chcontext --hostname a --hostname b x", "--hostname given twice", 255],
  ["chbind", "a command is needed", 255],
  ["chbind --nope x", "unknown option --nope", 255],
  ["reducecap", "a command is needed", 255],
  ["reducecap --secure", "a command is needed", 255],
  ["reducecap --CAP_CHOWN x", "unknown option --CAP_CHOWN", 255],
  ["reducecap --flag fakeinit x", "unknown flag fakeinit (lock sched nproc private hideinfo)", 255],
  ["vinfo --nope", "unknown option --nope", 2],
  ["vdu", "a directory is missing", 255],
  ["vdu --all /", "unknown option --all", 255],
  ["setattr a", "what to set is missing: --iunlink or --~iunlink", 2],
  ["setattr --iunlink", "a file is missing", 2],
  ["setattr --iunlink --~iunlink a", "--iunlink and --~iunlink exclude each other", 2],
  ["setattr --immutable a", "--immutable needs --immulink; alone it is chattr +i", 2],
  ["setattr --barrier a", "unknown option --barrier", 2],
  ["showattr", "a file is missing", 2],
  ["showattr -d -R a", "-d and -R exclude each other", 2],
  ["showattr --json --letters a", "--letters and --json exclude each other", 2],
  ["vinfo x", "no process id: x", 2],
  ["vinfo 0", "no process id: 0", 2],
  ["vinfo 1 2", "unknown word 2: one process at a time", 2],
  ["vkernel", "what to do is missing: load, unload, status or check", 2],
  ["vkernel reload", "unknown command reload", 2],
  ["vkernel constructor", "unknown command constructor", 2],
  ["vkernel load now", "unknown word now", 2],
  ["vkernel load --json", "load has no option --json", 2],
  ["vkernel check --strict", "check has no option --strict", 2],
  ["vkernel --force", "unknown option --force", 2],
  ["vkill", "a process id is missing", 2],
  ["vkill -s NOPE 1", "no signal: NOPE", 2],
  ["vkill -s 65 1", "no signal: 65", 2],
  ["vkill -c 70000 1", "no context number: 70000 (0 to 65535)", 2],
  ["vkill -c web1", "no context number: web1 (0 to 65535)", 2],
  ["vkill -c 0", "context 0 is the main server: name the processes", 2],
  ["vkill 0", "no process id: 0", 2],
  ["vkill 12x", "no process id: 12x", 2],
  ["vkill -- -1", "no process id: -1", 2],
  ["vkill -9 1", "unknown option -9", 2],
  ["vserver-stat all", "unknown word all", 2],
  ["vserver-stat --all", "unknown option --all", 2],
  ["vserver", "a NAME and a COMMAND are needed", 2],
  ["vserver --nope", "unknown option --nope", 2],
  ["vps --json=yes", "--json takes no value", 254],
] as const) {
  test(line, async () => {
    const [tool = "", ...words] = line.split(" ");
    expect(await complaint(tool, words)).toEqual({ message: `${tool}: ${text}; see ${tool} --help`, exitCode });
  });
}

test("every tool has a manual that fits a terminal and documents its exit statuses", async () => {
  for (const [tool, load] of Object.entries(commands)) {
    const { command } = await load();
    expect(command.manual.name).toBe(tool);
    expect(command.manual.exits.length).toBeGreaterThan(0);
    const prose = helpText(command.manual).split("\nOptions:")[0] ?? "";
    expect(prose.split("\n").filter((row) => row.length > 80 && !row.includes(`${tool} `))).toEqual([]);
  }
});
