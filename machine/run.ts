/** `machine/run`: the exit status, the output and the errors of a command, from inside the test machine. */
import { parseArguments } from "../src/text/arguments.ts";
import { explain, UsageError } from "../src/text/error.ts";
import { helpText } from "../src/text/manual.ts";
import { scriptJob } from "./job.ts";
import { runManual } from "./manual.ts";
import { machineOptions } from "./options.ts";
import { session } from "./session.ts";
import { writeAll } from "./write.ts";

async function main(): Promise<number> {
  const args = parseArguments(runManual, process.argv.slice(2), { stopAtWord: true });
  if (args.has("--help")) {
    console.log(helpText(runManual));
    return 0;
  }
  const [first] = args.words;
  if (first === undefined) throw new UsageError(runManual.name, "no command");
  const options = machineOptions(runManual.name, args, 600);
  const fromInput = first === "-" && args.words.length === 1;
  const job = fromInput ? scriptJob(await Bun.stdin.bytes()) : { command: args.words };
  return session(runManual.name, options, job, {
    out: (chunk) => writeAll(1, chunk),
    err: (chunk) => writeAll(2, chunk),
  });
}

for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
] as const) {
  process.on(signal, () => process.exit(128 + number));
}
try {
  process.exit(await main());
} catch (thrown) {
  const { line, exitCode } = explain(thrown);
  console.error(line);
  process.exit(exitCode);
}
