/** Many servers at once: what starting and stopping them takes, and what stays in memory beside them. */
import { arch, release } from "node:os";
import { join } from "node:path";
import { kernels } from "../machine/options.ts";
import { compile, output, root } from "./process.ts";
import { onThisMachine, peerPackages } from "./processes.ts";
import { showing } from "./progress.ts";
import type { Report } from "./report.ts";

/** How many servers at a time. */
const counts = ["1", "10", "100"];
const names: Readonly<Record<string, string>> = { vserver: "vserver", lxc: "LXC", nspawn: "systemd-nspawn" };

export interface Crowd {
  readonly tool: string;
  readonly servers: number;
  /** Milliseconds for all of them, one after the other. */
  readonly start: number;
  readonly stop: number;
  /** The same, as many at a time as there are processors. */
  readonly startTogether: number;
  readonly stopTogether: number;
  /** Proportional set size in KiB of all processes that stay, the servers' own aside. */
  readonly beside: number;
  readonly processes: number;
  /** KiB that are in use besides caches, by programs and by the kernel, more than before. */
  readonly used: number;
}

/** Reads the lines of many.sh; a tool that is missing has none. */
export function parseCrowds(text: string): readonly Crowd[] {
  return text.split("\n").flatMap((line) => {
    const [tool = "", ...fields] = line.split("\t");
    const [servers = 0, start = 0, stop = 0, startTogether = 0, stopTogether = 0, beside = 0, processes = 0, used = 0] =
      fields.map(Number);
    if (fields.length !== 8) return [];
    return [{ tool, servers, start, stop, startTogether, stopTogether, beside, processes, used }];
  });
}

/** @param alone whether nothing else ran there, so that all memory in use more than before is the servers' */
function crowdReport(where: string, crowds: readonly Crowd[], alone: boolean): Report {
  const each = (one: Crowd, kibibytes: number) => String(Math.round(kibibytes / one.servers));
  const right = (title: string) => ({ title, right: true });
  return {
    title: `${where}: so many idle servers, milliseconds for all of them`,
    columns: [
      ...[{ title: "tool" }, ...["servers", "start", "stop", "start together", "stop together"].map(right)],
      ...["processes beside", "KiB each"].map(right),
      ...(alone ? [right("all KiB each")] : []),
    ],
    rows: crowds.map((one) => [
      ...[names[one.tool] ?? one.tool, one.servers, one.start, one.stop, one.startTogether, one.stopTogether].map(
        String,
      ),
      ...[String(one.processes), each(one, one.beside)],
      ...(alone ? [each(one, one.used)] : []),
    ]),
    notes: [
      "together: as many at a time as there are processors, by vservers, or by xargs -P",
      "processes beside, KiB each: what stays of the tool while the servers run, proportional set size for each server",
      ...(alone
        ? ["all KiB each: what programs and kernel use for each server, its own process included, caches not"]
        : []),
    ],
    data: crowds,
  };
}

async function build(): Promise<void> {
  await compile("idle", "bench/process/idle.c");
}

/** On this machine's own kernel. */
export async function many(): Promise<readonly Report[]> {
  await build();
  const text = await showing("many servers on this machine", () => onThisMachine("many.sh", counts, 900));
  return [crowdReport(`Linux ${release()} ${arch()}, this machine`, parseCrowds(text), false)];
}

/** On stock kernels with contexts; nothing else runs there, so that all memory can be told. */
export async function manyInMachine(): Promise<readonly Report[]> {
  await build();
  const found: Report[] = [];
  for (const kernel of kernels) {
    const command = [join(root, "machine/run"), "--kernel", kernel, "--timeout", "1500"];
    const install = peerPackages.flatMap((name) => ["--install", name]);
    const script = `vkernel load >/dev/null && ALONE=1 exec /src/bench/process/many.sh /src/build/bench ${counts.join(" ")}`;
    const text = await showing(`many servers on Linux ${kernel}`, () =>
      output([...command, ...install, "--", "sh", "-c", script], { seconds: 1800 }),
    );
    found.push(crowdReport(`Linux ${kernel}, emulated`, parseCrowds(text), true));
  }
  return found;
}
