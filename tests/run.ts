/**
 * Runs every test: those of this machine, then tests/machine on each kernel in the test machine, in one boot each and
 * at the same time, for a test machine hardly uses more than one processor. The last line is `N passed, N failed`.
 *
 *   tests/run.ts [--kernel 6.12|7|none]… [WORD…]     only files whose path contains one of the words
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Kernel, kernels } from "../machine/options.ts";
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

/** Shows what comes out of a stream, line by line, each behind a mark of who says it. */
async function show(stream: ReadableStream<Uint8Array>, mark: string): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) console.log(mark + line);
  }
  if (rest !== "") console.log(mark + rest);
}

const readReport = async (path: string): Promise<string | undefined> =>
  (await Bun.file(path).exists()) ? Bun.file(path).text() : undefined;

/** Runs `argv` with its output shown, and counts the tests in the reports it leaves. */
async function suite(name: string, mark: string, argv: readonly string[], reports: readonly string[]): Promise<Tally> {
  const started = Date.now();
  console.log(`\n${name}`);
  const child = Bun.spawn([...argv], { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [, , status] = await Promise.all([show(child.stdout, mark), show(child.stderr, mark), child.exited]);
  const counted = tally(await Promise.all(reports.map(readReport)), status);
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`${name}: ${counted.passed} passed, ${counted.failed} failed in ${seconds} s (exit status ${status})`);
  return counted;
}

function hostSuite(files: readonly string[]): Promise<Tally> {
  const report = join(reports, "host.xml");
  const words = ["test", "--timeout", String(hostTestTime), "--reporter", "junit", "--reporter-outfile", report];
  return suite("This machine", "", [process.execPath, ...words, ...files.map((path) => `./${path}`)], [report]);
}

function machineSuite(kernel: Kernel, files: readonly string[]): Promise<Tally> {
  const share = join(reports, kernel);
  mkdirSync(share);
  const machine = [join(root, "machine/run"), "--kernel", kernel, "--timeout", String(machineTime)];
  const inside = ["tests/machine/suite", "/report", String(machineTestTime), ...files.map((path) => `./${path}`)];
  const argv = [...machine, "--share", `${share}:/report`, "--", ...inside];
  const folders = new Set(files.map((path) => dirname(path)));
  const written = [...folders].map((folder) => join(share, `${folder.replaceAll("/", "-")}.xml`));
  return suite(`Linux ${kernel} in the test machine`, `${kernel.padEnd(4)} | `, argv, written);
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
