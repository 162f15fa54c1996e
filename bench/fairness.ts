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
  /** What the load generator said of requests that failed. */
  readonly failed: string;
}

/** Milliseconds that setting so many limits of a server takes, and a whole start. */
export interface Cost {
  readonly limits: number;
  readonly apply: number;
  readonly start: number;
}

/** Reads the lines of bench/fairness/inside.ts. */
export function parseFairness(text: string): { readonly loads: readonly Load[]; readonly cost: Cost | undefined } {
  const lines = text.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Load | Cost] : []));
  const loads = lines.filter((line): line is Load => "state" in line);
  return { loads, cost: lines.find((line): line is Cost => "apply" in line) };
}

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
      { title: "failed" },
    ],
    rows: loads.map(({ state, p50, p99, perSecond, failed }) => [
      state,
      p50.toFixed(1),
      ratio(p50, quiet?.p50),
      p99.toFixed(1),
      ratio(p99, quiet?.p99),
      perSecond.toFixed(0),
      ratio(perSecond, quiet?.perSecond),
      failed || "none",
    ]),
    notes: [
      "times: against the quiet machine; four connections at a time, each request on its own, two emulated processors",
      ...(cost === undefined
        ? []
        : [
            `setting ${cost.limits} limits: ${cost.apply.toFixed(2)} ms of the ${cost.start.toFixed(0)} ms of a start, ${((100 * cost.apply) / cost.start).toFixed(1)} %`,
          ]),
    ],
    data: { kernel, loads, cost },
  };
}

export async function fairness(): Promise<readonly Report[]> {
  const found: Report[] = [];
  for (const kernel of kernels) {
    const machine = [join(root, "machine/run"), "--kernel", kernel, "--timeout", "900"];
    const command = [...machine, "--", "bun", "/src/bench/fairness/inside.ts"];
    const text = await showing(`fairness on Linux ${kernel}`, () => output(command, { seconds: 1000 }));
    found.push(fairnessReport(kernel, text));
  }
  return found;
}
