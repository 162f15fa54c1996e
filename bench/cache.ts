/** What many servers that run the same services take of disk and memory: unified, as copies, and as containers on overlays. */
import { join } from "node:path";
import { output, root } from "./process.ts";
import { showing } from "./progress.ts";
import type { Report } from "./report.ts";

const guest = "debian-sysvinit";
const servers = 10;
const kernel = "6.12";
/** MiB of the machine; nothing of what is counted may have to go for want of it. */
const memory = 4096;
/** Seconds. */
const bound = 3000;

/** In KiB. */
interface Use {
  readonly disk: number;
  readonly cache: number;
  readonly own: number;
}

interface Line extends Use {
  readonly kind: string;
  readonly running: number;
  readonly processes: number;
}

export function parseUses(text: string): readonly Line[] {
  return Array.from(text.matchAll(/^(\w+) (\d+) (\d+) (\d+) (\d+) (\d+)$/gm), ([, kind = "", ...numbers]) => {
    const [running = 0, processes = 0, disk = 0, cache = 0, own = 0] = numbers.map(Number);
    return { kind, running, processes, disk, cache, own };
  });
}

const kinds: Readonly<Record<string, string>> = {
  unified: "unified servers",
  separate: "servers, separate copies",
  overlay: "containers (runc), overlays on one tree",
};

const columns = [
  { title: "" },
  ...["running", "processes", "disk MiB", "times", "page cache MiB", "times", "own memory MiB"].map((title) => ({
    title,
    right: true,
  })),
];

function useReport(lines: readonly Line[]): Report {
  const own = lines.filter(({ kind }) => kind === "unified");
  const row = (line: Line) => {
    const base = own.find(({ running }) => running === line.running);
    const against = (pick: (use: Use) => number) => (base === undefined ? "" : (pick(line) / pick(base)).toFixed(2));
    const mebibytes = (kibibytes: number) => (kibibytes / 1024).toFixed(1);
    return [
      kinds[line.kind] ?? line.kind,
      ...[line.running, line.processes].map(String),
      ...[mebibytes(line.disk), against(({ disk }) => disk), mebibytes(line.cache), against(({ cache }) => cache)],
      mebibytes(line.own),
    ];
  };
  const order = Object.keys(kinds);
  const sorted = [...lines].sort((a, b) => a.running - b.running || order.indexOf(a.kind) - order.indexOf(b.kind));
  return {
    title: `Disk and memory of ${servers} servers with the same services (Linux ${kernel}, ext4)`,
    columns,
    rows: sorted.map(row),
    notes: [
      `each runs what the tree ${guest} starts: cron, nginx, sshd and PostgreSQL; times: unified = 1`,
      "page cache: file pages charged to their control groups after all caches were dropped; own memory: anonymous and shared",
      "disk: all there is of them, trees of those that do not run yet included",
    ],
    data: { kernel, servers, kibibytes: lines },
  };
}

export async function cache(): Promise<readonly Report[]> {
  const machine = [join(root, "machine/run"), "--kernel", kernel, "--memory", String(memory)];
  const job = ["--timeout", String(bound), "--install", "runc", "--guest", guest];
  const command = [...machine, ...job, "--", "/src/bench/cache/inside.sh", guest, String(servers)];
  const text = await showing(`disk and memory of ${servers} servers`, () => output(command, { seconds: bound + 300 }));
  return [useReport(parseUses(text))];
}
