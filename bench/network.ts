/** nginx through the loopback and through a veth pair: the main server, virtual servers, and veth with NAT, all in turn. */
import { arch, release } from "node:os";
import { join } from "node:path";
import { kernels } from "../machine/options.ts";
import { VserverError } from "../src/text/error.ts";
import { buildEmptyPrograms } from "./empty.ts";
import { output, root } from "./process.ts";
import { showing } from "./progress.ts";
import type { Report } from "./report.ts";

/** Debian packages: what serves, what asks, what redirects. */
const packages = ["iproute2", "nftables", "nginx-light", "wrk"];
/** How often each contestant is asked, for a second each. In a machine that counts instructions once is enough. */
const rounds = { native: 10, machine: 1 } as const;
/** What the others are compared with. */
const base = "main server";
/** The least part of the main server's requests per second that a virtual server should answer. */
const aims: Readonly<Record<string, number | undefined>> = { "virtual server": 0.99 };
const modes: Readonly<Record<string, string>> = {
  kept: "16 connections that are kept",
  new: "a connection for each request",
};

export interface Sample {
  readonly round: number;
  readonly path: string;
  readonly mode: string;
  readonly name: string;
  readonly requestsPerSecond: number;
  readonly medianMicroseconds: number;
  readonly mostMicroseconds: number;
}

const units: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6 };

/** wrk's `1.25ms` in microseconds. */
function microseconds(text: string): number {
  const [, number, unit] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? [];
  return Number(number) * (units[unit ?? ""] ?? Number.NaN);
}

/** Reads the lines of inside.sh. @throws VserverError for one of another form */
export function parseSamples(text: string): readonly Sample[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [round, path = "", mode = "", name = "", rate, median = "", most = "", ...rest] = line.split("\t");
      const sample = {
        ...{ round: Number(round), path, mode, name, requestsPerSecond: Number(rate) },
        ...{ medianMicroseconds: microseconds(median), mostMicroseconds: microseconds(most) },
      };
      const numbers = [sample.round, sample.requestsPerSecond, sample.medianMicroseconds, sample.mostMicroseconds];
      if (rest.length === 0 && numbers.every((number) => number > 0)) return sample;
      throw new VserverError({
        object: "bench",
        attempt: "read what wrk measured",
        cause: `this says nothing: ${line}`,
      });
    });
}

/** The quantile of some numbers, between the two next to it where it falls between them. */
export function quantile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const [below = Number.NaN, above = Number.NaN] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}

/** Requests per second against the main server's in the same round: whatever else slows the machine slows both. */
export function ratios(samples: readonly Sample[], name: string): readonly number[] {
  return samples
    .filter((one) => one.name === name)
    .flatMap((one) => {
      const same = samples.find((other) => other.name === base && other.round === one.round);
      return same === undefined ? [] : [one.requestsPerSecond / same.requestsPerSecond];
    });
}

const columns = [
  { title: "nginx of the" },
  ...["requests/s", "ratio", "25-75 %", "median us", "99 % us"].map((title) => ({ title, right: true })),
  { title: "aim" },
];

function row(samples: readonly Sample[], name: string): readonly string[] {
  const own = samples.filter((one) => one.name === name);
  const median = (pick: (sample: Sample) => number) => quantile(own.map(pick), 0.5).toFixed(0);
  const ratio = ratios(samples, name);
  const aim = aims[name];
  return [
    name,
    median((one) => one.requestsPerSecond),
    quantile(ratio, 0.5).toFixed(3),
    `${quantile(ratio, 0.25).toFixed(3)}-${quantile(ratio, 0.75).toFixed(3)}`,
    median((one) => one.medianMicroseconds),
    median((one) => one.mostMicroseconds),
    aim === undefined ? "" : `${aim} ${quantile(ratio, 0.5) >= aim ? "met" : "not met"}`,
  ];
}

function reports(where: string, text: string): readonly Report[] {
  const samples = parseSamples(text);
  const kinds = [...new Set(samples.map(({ path, mode }) => `${path}\t${mode}`))];
  return kinds.map((kind) => {
    const [path = "", mode = ""] = kind.split("\t");
    const own = samples.filter((one) => one.path === path && one.mode === mode);
    const names = [...new Set(own.map(({ name }) => name))].sort((a, b) => Number(b === base) - Number(a === base));
    return {
      title: `nginx through the ${path === "veth" ? "veth pair" : path}, ${modes[mode] ?? mode} (${where})`,
      columns,
      rows: names.map((name) => row(own, name)),
      notes: [
        "ratio: requests/s against the main server's in the same round, the median of all rounds and its quartiles",
        "empty backstop: the main server, with programs that do nothing for its packets; none there can cost less",
        "median and 99 %: the latency of a request, the median of all rounds",
      ],
      data: { where, path, mode, samples: own },
    };
  });
}

/** On this machine's own kernel, in a network stack and mounts of its own, and on stock kernels with contexts. */
export async function network(): Promise<readonly Report[]> {
  if (process.getuid?.() !== 0) {
    const attempt = "measure the network";
    throw new VserverError({ object: "bench", attempt, cause: "only root may", wayOut: "become root" });
  }
  await output([join(root, "scripts/packages"), ...packages], { seconds: 300 });
  await buildEmptyPrograms("packets", ["cgroup_skb/ingress", "cgroup_skb/egress"]);
  const own = ["unshare", "--mount", "--net", "--propagation", "private", join(root, "bench/process/native.sh")];
  // What else runs here is to count little.
  const native = [...own, process.execPath, join(root, "build/stage/usr/sbin"), "chrt", "--fifo", "1"];
  const text = await showing("nginx on this machine", () =>
    output([...native, join(root, "bench/network/inside.sh"), String(rounds.native), "1", process.execPath], {
      seconds: 900,
    }),
  );
  const found = [...reports(`Linux ${release()} ${arch()}, this machine`, text)];
  for (const kernel of kernels) {
    // Where nothing happens time leaps: what looks hung has only been waiting for a moment.
    const patience = "sysctl.kernel.hung_task_timeout_secs=0 rcupdate.rcu_cpu_stall_suppress=1";
    const machine = [join(root, "machine/run"), "--kernel", kernel, "--icount", "--append", patience];
    const script = `vkernel load >/dev/null && exec /src/bench/network/inside.sh ${rounds.machine} 1 bun`;
    const said = await showing(`nginx on Linux ${kernel}`, () =>
      output([...machine, "--timeout", "1500", "--", "sh", "-c", script], { seconds: 1700 }),
    );
    found.push(...reports(`Linux ${kernel}, one emulated processor whose clock counts instructions`, said));
  }
  return found;
}
