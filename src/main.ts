/** One executable, many names: runs the tool it was called as. */
import { runCommand } from "./commands/command.ts";
import { commands } from "./commands/index.ts";
import { explain } from "./text/error.ts";

async function main(): Promise<number> {
  let name = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
  let argv = process.argv.slice(2);
  // `vserver chcontext …` and a run from the sources work without the symbolic links.
  if (!(name in commands) && argv[0] !== undefined && argv[0] in commands) {
    name = argv[0];
    argv = argv.slice(1);
  }
  // The shells ask what may come next; a server that is called complete has no command --.
  if (argv[0] === "complete" && argv[1] === "--")
    return (await import("./commands/complete.ts")).complete(argv.slice(2));
  const load = commands[name] ?? commands["vserver"];
  if (load === undefined) return 70;
  return runCommand((await load()).command, argv);
}

try {
  process.exitCode = await main();
} catch (thrown) {
  const { line, exitCode } = explain(thrown);
  console.error(line);
  process.exitCode = exitCode;
}
