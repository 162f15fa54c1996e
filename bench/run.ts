/** `bench/run`: runs the parts that are asked for and prints what they found. */
import { parseArguments } from "../src/text/arguments.ts";
import { explain, UsageError } from "../src/text/error.ts";
import { helpText, type Manual } from "../src/text/manual.ts";
import { type Report, reportText } from "./report.ts";

const parts: Readonly<Record<string, () => Promise<readonly Report[]>>> = {
  native: async () => (await import("./processes.ts")).native(),
  machine: async () => (await import("./processes.ts")).machine(),
  many: async () => (await import("./many.ts")).many(),
  crowd: async () => (await import("./many.ts")).manyInMachine(),
  hooks: async () => (await import("./hooks.ts")).hooks(),
  network: async () => (await import("./network.ts")).network(),
  fairness: async () => (await import("./fairness.ts")).fairness(),
  unify: async () => (await import("./unify.ts")).unify(),
  cache: async () => (await import("./cache.ts")).cache(),
};

const manual: Manual = {
  name: "bench/run",
  section: 8,
  summary: "measure time, memory and instructions",
  synopsis: ["bench/run [--json] [PART...]"],
  description: [
    "  native   time and memory of whole processes against other tools, on this machine (root)",
    "  machine  the same in the test machine, with contexts: there only the ratios count",
    "  many     1, 10 and 100 servers started and stopped, and what stays in memory, on this machine (root)",
    "  crowd    the same in the test machine, with contexts",
    "  hooks    instructions the kernel half adds to system calls, in the test machine",
    "  network  requests per second and latency of nginx in servers and behind NAT, on this machine (root) and in the test machine",
    "  fairness nginx in one server while another one attacks, in the test machine",
    "  unify    time, memory and links of vunify against other tools, on this machine (root)",
    "  cache    disk and memory of ten servers, unified, as copies and as containers, in the test machine",
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
