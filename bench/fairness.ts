/** What one server's nginx gives while another server attacks, and what setting limits costs: in the test machine. */
import { join } from "node:path";
import { type Kernel, kernels } from "../machine/options.ts";
import { output, root } from "./process.ts";
import { showing } from "./progress.ts";
import type { Report } from "./report.ts";

/** A load of requests during one state; times in milliseconds. */
export interface Load {
  readonly state: string;
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  /** Processors that the server which answers has had, and the one which attacks. */
  readonly shares: { readonly answering: number; readonly attacking: number };
  /** What the load generator said of requests that failed. */
  readonly failed: string;
}

/** Millions of instructions of a start without limits, and what so many of them add to it. */
export interface Cost {
  readonly limits: number;
  readonly added: number;
  /** Of what they add. */
  readonly quartiles: readonly number[];
  readonly start: number;
}

/** Reads the lines of bench/fairness/inside.ts and start.ts. */
export function parseFairness(text: string): { readonly loads: readonly Load[]; readonly cost: Cost | undefined } {
  const lines = text.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Load | Cost] : []));
  const loads = lines.filter((line): line is Load => "state" in line);
  return { loads, cost: lines.find((line): line is Cost => "added" in line) };
}

const percent = (part: number) => `${(100 * part).toFixed(0)} %`;
const right = (title: string) => ({ title, right: true });

export function fairnessReport(kernel: Kernel, text: string): Report {
  const { loads, cost } = parseFairness(text);
  const quiet = loads[0];
  const ratio = (value: number, of: number | undefined) => (value / (of ?? Number.NaN)).toFixed(2);
  return {
    title: `nginx in one server while another one attacks, Linux ${kernel}, emulated`,
    columns: [
      { title: "attack" },
      ...["median ms", "times", "99 % ms", "times", "requests/s", "times"].map(right),
      ...["nginx has", "attacker", "rest"].map(right),
      { title: "failed" },
    ],
    rows: loads.map(({ state, p50, p99, perSecond, shares, failed }) => [
      state,
      p50.toFixed(1),
      ratio(p50, quiet?.p50),
      p99.toFixed(1),
      ratio(p99, quiet?.p99),
      perSecond.toFixed(0),
      ratio(perSecond, quiet?.perSecond),
      ...[shares.answering, shares.attacking, 1 - shares.answering - shares.attacking].map(percent),
      failed || "none",
    ]),
    notes: [
      "times: against the quiet machine; four connections at a time, each request on its own",
      "one emulated processor; what nginx and attacker do not have of it, the main server has, where wrk runs",
      ...(cost === undefined
        ? []
        : [
            `${cost.limits} limits add ${cost.added.toFixed(1)} (${cost.quartiles.map((one) => one.toFixed(1)).join("-")}) million instructions to the ${cost.start.toFixed(0)} million of a start, ${((100 * cost.added) / cost.start).toFixed(1)} %`,
          ]),
    ],
    data: { kernel, loads, cost },
  };
}

export async function fairness(): Promise<readonly Report[]> {
  const found: Report[] = [];
  for (const kernel of kernels) {
    const machine = [join(root, "machine/run"), "--kernel", kernel, "--timeout", "570"];
    const run = (what: string, script: string, options: readonly string[] = []) =>
      showing(`${what} on Linux ${kernel}`, () =>
        output([...machine, ...options, "--", "bun", `/src/bench/fairness/${script}`], { seconds: 600 }),
      );
    // Where nothing happens time leaps: what looks hung has only been waiting for a moment.
    const patience = "sysctl.kernel.hung_task_timeout_secs=0 rcupdate.rcu_cpu_stall_suppress=1";
    // Two would take turns on a real one, each of them counting as its own the time that the other one had.
    const loads = await run("fairness", "inside.ts", ["--cpus", "1"]);
    const cost = await run("limits of a start", "start.ts", ["--icount", "--append", patience]);
    found.push(fairnessReport(kernel, loads + cost));
  }
  return found;
}
