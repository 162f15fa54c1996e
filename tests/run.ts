/**
 * Runs every test: those of this machine, those that boot a test machine themselves, and tests/machine on each kernel in the
 * test machine (places.ts), as many of the four at a time as there are processors, but two at least. In the end come, once
 * more, how long each folder took in there, the tests that failed with what they said, and the machines that died; the last
 * line is `N passed, N failed`, which is also left in build/tested.
 *
 *   tests/run.ts [--kernel 6.12|7|none]… [WORD…]     only files whose path contains one of the words
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Kernel, kernels } from "../machine/options.ts";
import { type Boot, bootUntilEnded } from "./boots.ts";
import { bootsItself, filesOn } from "./places.ts";
import { add, type Tally, tally } from "./tally.ts";

const root = resolve(import.meta.dir, "..");
const reports = mkdtempSync(join(tmpdir(), "vserver-test-"));

/** Milliseconds for everything: with what setup and building take it has to fit into an hour. */
const wholeTime = 3_300_000;
const end = Date.now() + wholeTime;

/** Seconds below which no other machine is begun. */
const leastTime = 300;

/** Status of machine/run for a machine that died, and for one whose time was up. */
const deathStatus = [70, 124];

/** Milliseconds a test in the test machine may take if it says nothing else: what takes a blink elsewhere takes a second. */
const machineTestTime = 300_000;

/** The same for the tests of this machine. */
const hostTestTime = 20_000;

async function testFiles(words: readonly string[]): Promise<string[]> {
  const found = await Array.fromAsync(new Bun.Glob("{src,scripts,machine,tests}/**/*.test.ts").scan(root));
  return found.filter((path) => words.length === 0 || words.some((word) => path.includes(word))).sort();
}

/** For the end of it all, where what failed is looked for: its line, with what was said before it. */
const lastWords = new Map<string, readonly string[]>();
/** As many lines of what a failed test said stand there. */
const linesOfFailure = 24;

/** How long each folder took in the test machine, for whoever has to keep all of it short. */
const paces: string[] = [];

/** Shows what comes out of a stream, line by line, each behind a mark of who says it; returns the last line. */
async function show(stream: ReadableStream<Uint8Array>, mark: string): Promise<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let last = "";
  let said: string[] = [];
  const showLine = (line: string) => {
    const shown = mark + line;
    console.log(shown);
    // Each comes once more at the end of its file, without what it said.
    if (line.startsWith("(fail) ") && !lastWords.has(shown)) lastWords.set(shown, said.slice(-linesOfFailure));
    if (/^\.\/tests\/\S+: \d+ s$/.test(line)) paces.push(shown);
    said = /^\((fail|pass|skip)\) /.test(line) ? [] : [...said, shown];
    last = line;
  };
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(showLine);
  }
  if (rest !== "") showLine(rest);
  return last;
}

interface Ended {
  readonly status: number;
  /** On standard error. */
  readonly lastLine: string;
}

/** Runs `argv` with its output shown. */
async function perform(mark: string, argv: readonly string[]): Promise<Ended> {
  const child = Bun.spawn([...argv], { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [, lastLine] = await Promise.all([show(child.stdout, mark), show(child.stderr, mark)]);
  return { status: await child.exited, lastLine };
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

function hostSuite(name: string, mark: string, files: readonly string[]): Promise<Tally> {
  const report = join(reports, `${name.replaceAll(" ", "-")}.xml`);
  const words = ["test", "--timeout", String(hostTestTime), "--reporter", "junit", "--reporter-outfile", report];
  const argv = [process.execPath, ...words, ...files.map((path) => `./${path}`)];
  return suite(name, [report], async () => (await perform(mark, argv)).status);
}

function machineSuite(kernel: Kernel, files: readonly string[]): Promise<Tally> {
  const share = join(reports, kernel);
  const mark = `${kernel.padEnd(4)} | `;
  const reportOf = (folder: string) => join(share, `${folder.replaceAll("/", "-")}.xml`);
  const byFolder = Map.groupBy(filesOn(kernel, chosen, files), (path) => dirname(path));
  const folders = [...byFolder.keys()].sort();
  if (folders.length === 0) return Promise.resolve({ passed: 0, failed: 0 });
  mkdirSync(share);

  async function boot(some: readonly string[], seconds: number): Promise<Boot> {
    const machine = [join(root, "machine/run"), "--kernel", kernel, "--timeout", String(seconds)];
    const paths = some.flatMap((folder) => byFolder.get(folder) ?? []).map((path) => `./${path}`);
    const inside = ["tests/machine/suite", "/report", String(machineTestTime), ...paths];
    const { status, lastLine } = await perform(mark, [...machine, "--share", `${share}:/report`, "--", ...inside]);
    return { status, death: deathStatus.includes(status) ? lastLine : undefined };
  }
  function bootInTime(some: readonly string[]): Promise<Boot> | undefined {
    const seconds = Math.round((end - Date.now()) / 1000);
    return seconds < leastTime ? undefined : boot(some, seconds);
  }
  return suite(`Linux ${kernel} in the test machine`, folders.map(reportOf), async () => {
    const { status, deaths } = await bootUntilEnded(folders, bootInTime, (folder) => existsSync(reportOf(folder)));
    for (const death of deaths) lastWords.set(`${mark}a machine died: ${death}`, []);
    for (const folder of folders.filter((one) => !existsSync(reportOf(one))))
      lastWords.set(`${mark}did not end: ${folder}`, []);
    return status;
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

const [booting, others] = [here.filter(bootsItself), here.filter((path) => !bootsItself(path))];

// Each has work for one processor: the tests here are done one after the other, and so is what an emulated machine does.
const suites = [
  ...(others.length > 0 ? [() => hostSuite("This machine", "", others)] : []),
  ...(booting.length > 0 ? [() => hostSuite("Boots of their own", "boot | ", booting)] : []),
  ...(inMachine.length > 0 ? chosen.map((kernel) => () => machineSuite(kernel, inMachine)) : []),
];
let total: Tally = { passed: 0, failed: 0 };
/** Takes suites that nobody has begun until there are none. */
async function work(): Promise<void> {
  for (let next = suites.shift(); next !== undefined; next = suites.shift()) {
    const counted = await next();
    total = add(total, counted);
  }
}
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work));
rmSync(reports, { recursive: true });
if (paces.length > 0) console.log(`\n${paces.join("\n")}`);
for (const [line, said] of lastWords) console.log(["", ...said, line].join("\n"));
const summary = `${total.passed} passed, ${total.failed} failed`;
writeFileSync(join(root, "build/tested"), `${summary}\n`);
console.log(summary);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
