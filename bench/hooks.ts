/** The cost of the hooks: instructions per operation on stock kernels, counted by a machine whose clock counts them. */
import { join } from "node:path";
import { type Kernel, kernels } from "../machine/options.ts";
import { buildEmptyPrograms } from "./empty.ts";
import { compile, output, root } from "./process.ts";
import { showing } from "./progress.ts";
import { change, type Report } from "./report.ts";

/** States of the kernel half, in the order they are counted; each has a section in the output of inside.sh. */
const states = [
  { name: "floor", title: "empty programs" },
  { name: "host", title: "context 0" },
  { name: "context", title: "in a context" },
  { name: "address", title: "tied to an address" },
  { name: "counted-host", title: "files counted, 0" },
  { name: "counted-context", title: "files counted, limited" },
  { name: "strict-host", title: "strict, context 0" },
  { name: "strict-context", title: "strict, in a context" },
] as const;

/** What the kernel half may add to an operation, in percent. */
const aim = (operation: string): number => (operation.startsWith("open+close") ? 10 : 3);

/** Instructions by state and operation. */
export type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Reads `== STATE` lines with `OPERATION NUMBER` lines under each. */
export function parseCounts(text: string): Counts {
  const sections = text.split(/^== (.*)\n/m).slice(1);
  const counts: Record<string, Record<string, number>> = {};
  for (let at = 0; at + 1 < sections.length; at += 2) {
    const lines = (sections[at + 1] ?? "").matchAll(/^(.+) (\d+)$/gm);
    counts[sections[at] ?? ""] = Object.fromEntries(Array.from(lines, ([, name, number]) => [name, Number(number)]));
  }
  return counts;
}

/** Programs of the kernel half that are attached when it is loaded, and that any of the operations could pass. */
const attached = /^(lsm\/(?!inode_permission$).+|cgroup\/.+|sockops|sk_lookup)$/;

async function build(): Promise<void> {
  await compile("count", "bench/hooks/count.c");
  const listing = await output(["readelf", "--section-headers", "--wide", "build/vserver.bpf.o"], { seconds: 10 });
  const sections = Array.from(listing.matchAll(/^ *\[ *\d+\] (\S+) +PROGBITS/gm), ([, section]) => section ?? "");
  const hooks = sections.filter((section) => attached.test(section));
  await buildEmptyPrograms("floor", hooks);
}

async function countOn(kernel: Kernel): Promise<Counts> {
  // Where nothing happens time leaps: what looks hung has only been waiting for a moment.
  const patience = "sysctl.kernel.hung_task_timeout_secs=0 rcupdate.rcu_cpu_stall_suppress=1";
  const machine = [join(root, "machine/run"), "--kernel", kernel, "--icount", "--append", patience, "--timeout", "600"];
  return parseCounts(await output([...machine, "--", "/src/bench/hooks/inside.sh"], { seconds: 700 }));
}

function report(kernel: Kernel, counts: Counts): Report {
  const before = counts["detached"] ?? {};
  const rows = Object.entries(before).map(([operation, instructions]) => {
    const ratios = states.map(({ name }) => (counts[name]?.[operation] ?? Number.NaN) / instructions);
    const within = (ratio: number) => (ratio - 1) * 100 <= aim(operation);
    const [floor = Number.NaN, ...own] = ratios.slice(0, 3);
    const verdict = own.every(within) ? "met" : within(floor) ? "not met" : "empty programs miss it";
    return [operation, String(instructions), ...ratios.map(change), `+${aim(operation)} % ${verdict}`];
  });
  const columns = ["without", ...states.map(({ title }) => title)].map((title) => ({ title, right: true }));
  return {
    title: `Instructions per operation, Linux ${kernel}, one emulated processor`,
    columns: [{ title: "operation" }, ...columns, { title: "aim (0, context)" }],
    rows,
    notes: ["empty programs: one that does nothing on each hook of the kernel half; no program there can cost less"],
    data: { kernel, counts },
  };
}

export async function hooks(): Promise<readonly Report[]> {
  await build();
  const reports: Report[] = [];
  for (const kernel of kernels) {
    reports.push(report(kernel, await showing(`instructions on Linux ${kernel}`, () => countOn(kernel))));
  }
  return reports;
}
