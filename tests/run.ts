/**
 * Runs every test: those of this machine, then tests/machine on each kernel in the test machine, in one boot each and
 * at the same time, for a test machine hardly uses more than one processor. The last line is `N passed, N failed`.
 *
 *   tests/run.ts [--kernel 6.12|7|none]… [WORD…]     only files whose path contains one of the words
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Kernel, kernels } from "../machine/options.ts";
import { isEmulatorFault } from "./emulator.ts";
import { add, type Tally, tally } from "./tally.ts";

const root = resolve(import.meta.dir, "..");
const reports = mkdtempSync(join(tmpdir(), "vserver-test-"));

/** Seconds for each kernel; with the rest it has to fit into an hour. */
const machineTime = 3900;

/** Milliseconds a test in the test machine may take if it says nothing else: what takes a blink elsewhere takes a second. */
const machineTestTime = 300_000;

/** The same for the tests of this machine. */
const hostTestTime = 20_000;

async function testFiles(words: readonly string[]): Promise<string[]> {
  const found = await Array.fromAsync(new Bun.Glob("{src,scripts,machine,tests}/**/*.test.ts").scan(root));
  return found.filter((path) => words.length === 0 || words.some((word) => path.includes(word))).sort();
}

/** Shows what comes out of a stream, line by line, each behind a mark of who says it; tells whether the emulator failed. */
async function show(stream: ReadableStream<Uint8Array>, mark: string): Promise<boolean> {
  const decoder = new TextDecoder();
  let fault = false;
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) console.log(mark + line);
    fault ||= lines.some(isEmulatorFault);
  }
  if (rest !== "") console.log(mark + rest);
  return fault;
}

interface Ended {
  readonly status: number;
  /** The emulator's fault, as far as anybody can say. */
  readonly fault: boolean;
}

/** Runs `argv` with its output shown. */
async function perform(mark: string, argv: readonly string[]): Promise<Ended> {
  const child = Bun.spawn([...argv], { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const faults = await Promise.all([show(child.stdout, mark), show(child.stderr, mark)]);
  return { status: await child.exited, fault: faults.includes(true) };
}

const readReport = async (path: string): Promise<string | undefined> =>
  (await Bun.file(path).exists()) ? Bun.file(path).text() : undefined;

/** Says what a suite is and runs it, counts the tests in the reports it leaves, and says that. */
async function suite(name: string, reports: readonly string[], run: () => Promise<number>): Promise<Tally> {
  const started = Date.now();
  console.log(`\n${name}`);
  const status = await run();
  const counted = tally(await Promise.all(reports.map(readReport)), status);
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`${name}: ${counted.passed} passed, ${counted.failed} failed in ${seconds} s (exit status ${status})`);
  return counted;
}

function hostSuite(files: readonly string[]): Promise<Tally> {
  const report = join(reports, "host.xml");
  const words = ["test", "--timeout", String(hostTestTime), "--reporter", "junit", "--reporter-outfile", report];
  const argv = [process.execPath, ...words, ...files.map((path) => `./${path}`)];
  return suite("This machine", [report], async () => (await perform("", argv)).status);
}

function machineSuite(kernel: Kernel, files: readonly string[]): Promise<Tally> {
  const share = join(reports, kernel);
  mkdirSync(share);
  const machine = [join(root, "machine/run"), "--kernel", kernel, "--timeout", String(machineTime)];
  const mark = `${kernel.padEnd(4)} | `;
  const reportOf = (path: string) => join(share, `${dirname(path).replaceAll("/", "-")}.xml`);
  const boot = (some: readonly string[]) => {
    const inside = ["tests/machine/suite", "/report", String(machineTestTime), ...some.map((path) => `./${path}`)];
    return perform(mark, [...machine, "--share", `${share}:/report`, "--", ...inside]);
  };
  return suite(`Linux ${kernel} in the test machine`, [...new Set(files.map(reportOf))], async () => {
    const first = await boot(files);
    const left = files.filter((path) => !existsSync(reportOf(path)));
    if (!first.fault || left.length === 0) return first.status;
    console.log(`${mark}the emulator failed (tests/emulator.ts); the folders that have not ended run once more`);
    return (await boot(left)).status;
  });
}

const { values, positionals } = parseArgs({
  options: { kernel: { type: "string", multiple: true } },
  allowPositionals: true,
});
const chosen = kernels.filter((kernel) => values.kernel === undefined || values.kernel.includes(kernel));
const files = await testFiles(positionals);
const inMachine = files.filter((path) => path.startsWith("tests/machine/"));
const here = files.filter((path) => !inMachine.includes(path));

let total: Tally = { passed: 0, failed: 0 };
if (here.length > 0) {
  total = add(total, await hostSuite(here));
}
if (inMachine.length > 0) {
  const suites = await Promise.all(chosen.map((kernel) => machineSuite(kernel, inMachine)));
  total = suites.reduce(add, total);
}
rmSync(reports, { recursive: true });
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
