/** `bench/run`: runs the parts that are asked for and prints what they found. */
import { parseArguments } from "../src/text/arguments.ts";
import { explain, UsageError } from "../src/text/error.ts";
import { helpText, type Manual } from "../src/text/manual.ts";
import { type Report, reportText } from "./report.ts";

const parts: Readonly<Record<string, () => Promise<readonly Report[]>>> = {
  native: async () => (await import("./processes.ts")).native(),
  machine: async () => (await import("./processes.ts")).machine(),
  hooks: async () => (await import("./hooks.ts")).hooks(),
  fairness: async () => (await import("./fairness.ts")).fairness(),
  unify: async () => (await import("./unify.ts")).unify(),
};

const manual: Manual = {
  name: "bench/run",
  section: 8,
  summary: "measure time, memory and instructions",
  synopsis: ["bench/run [--json] [PART...]"],
  description: [
    "  native   time and memory of whole processes against other tools, on this machine (root)",
    "  machine  the same in the test machine, with contexts: there only the ratios count",
    "  hooks    instructions the kernel half adds to system calls, in the test machine",
    "  fairness nginx in one server while another one attacks, in the test machine",
    "  unify    time, memory and links of vunify against other tools, on this machine (root)",
    "Without a PART all of them. docs/benchmarks.md says how to read the tables.",
  ],
  options: [{ flag: "--json", about: "print the numbers as JSON" }],
  exits: [
    ["0", "measured, whatever the numbers are"],
    ["1", "something could not be run, and standard error says why"],
    ["2", "wrong usage"],
  ],
};

async function main(): Promise<number> {
  const args = parseArguments(manual, process.argv.slice(2));
  if (args.has("--help")) {
    console.log(helpText(manual));
    return 0;
  }
  const chosen = args.words.length === 0 ? Object.keys(parts) : args.words;
  const found: Report[] = [];
  for (const name of chosen) {
    const part = Object.hasOwn(parts, name) ? parts[name] : undefined;
    if (part === undefined) throw new UsageError(manual.name, `no part ${name}`);
    const reports = await part();
    found.push(...reports);
    if (!args.has("--json")) for (const report of reports) console.log(reportText(report));
  }
  if (args.has("--json"))
    console.log(
      JSON.stringify(
        found.map(({ title, data }) => ({ title, data })),
        null,
        2,
      ),
    );
  return 0;
}

try {
  process.exitCode = await main();
} catch (thrown) {
  const { line, exitCode } = explain(thrown);
  console.error(line);
  process.exitCode = exitCode;
}
