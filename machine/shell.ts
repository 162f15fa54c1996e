/** `machine/shell`: the user's own terminal becomes one of the test machine, until the shell there ends. */
import { parseArguments } from "../src/text/arguments.ts";
import { explain, UsageError } from "../src/text/error.ts";
import { helpText } from "../src/text/manual.ts";
import type { Keyboard } from "./machine.ts";
import { shellManual } from "./manual.ts";
import { machineOptions } from "./options.ts";
import { session } from "./session.ts";
import { writeAll } from "./write.ts";

function connect(keyboard: Keyboard): void {
  process.stdin.setRawMode(true);
  process.stdin.on("data", (keys: Buffer) => keyboard.type(keys));
  process.stdout.on("resize", () => keyboard.resize(process.stdout.rows, process.stdout.columns));
}

async function main(): Promise<number> {
  const args = parseArguments(shellManual, process.argv.slice(2), { stopAtWord: true });
  if (args.has("--help")) {
    console.log(helpText(shellManual));
    return 0;
  }
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new UsageError(shellManual.name, "standard input and output are not a terminal (machine/run needs none)");
  }
  const options = machineOptions(shellManual.name, args);
  const command = args.words.length > 0 ? args.words : ["bash", "--login"];
  const { rows, columns } = process.stdout;
  const terminal = { type: process.env["TERM"] ?? "vt100", rows, columns };
  return session(
    shellManual.name,
    options,
    { command, terminal },
    {
      out: (chunk) => writeAll(1, chunk),
      err: (chunk) => writeAll(2, chunk),
      up: connect,
    },
  );
}

let status = 70;
try {
  status = await main();
} catch (thrown) {
  const { line, exitCode } = explain(thrown);
  console.error(line);
  status = exitCode;
}
if (process.stdin.isTTY) process.stdin.setRawMode(false);
process.exit(status);
