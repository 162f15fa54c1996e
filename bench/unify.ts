/** vunify against the tools that link equal files: the same trees, a fresh set of copies for each, all in one run. */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { partPath } from "../machine/parts/cache.ts";
import { guestParts } from "../machine/parts/guests.ts";
import { prepare } from "../machine/parts/prepare.ts";
import { VserverError } from "../src/text/error.ts";
import { output, root } from "./process.ts";
import { showing } from "./progress.ts";
import type { Report } from "./report.ts";

/** In memory, so that the tools are compared and not what the disk happens to do. */
const place = "/dev/shm";
/** Debian packages of the peers; hardlink is one of util-linux. */
const packages = ["jdupes", "rdfind", "time", "util-linux"];
const guest = "debian-nginx";
const copies = [4, 16] as const;
const rounds = 3;
/** Seconds one tool may take. */
const bound = 600;

interface Contestant {
  readonly name: string;
  /** Links the files of the servers below `top`. */
  command(top: string, servers: readonly string[]): readonly string[];
}

const paths = (top: string, servers: readonly string[]) => servers.map((name) => join(top, "vservers", name));
const contestants: readonly Contestant[] = [
  {
    name: "vunify",
    // This machine's kernel may have nothing that protects: docs/benchmarks.md.
    command: (_top, servers) => [join(root, "build/stage/usr/sbin/vunify"), "--content", "--noflags", ...servers],
  },
  { name: "hardlink", command: (top, servers) => ["hardlink", "--quiet", ...paths(top, servers)] },
  { name: "jdupes", command: (top, servers) => ["jdupes", "-q", "-r", "-p", "-L", ...paths(top, servers)] },
  {
    name: "rdfind",
    command: (top, servers) => [
      ...["rdfind", "-makehardlinks", "true", "-makeresultsfile", "false"],
      ...paths(top, servers),
    ],
  },
];

interface Run {
  readonly milliseconds: number;
  readonly kibibytes: number;
  /** Names that stand for another file than before, and bytes that are no longer on disk. */
  readonly linked: number;
  readonly freed: number;
}

interface Disk {
  readonly inodes: number;
  readonly bytes: number;
}

/** Regular files below, each once. */
function disk(top: string): Disk {
  const seen = new Map<number, number>();
  for (const path of readdirSync(top, { recursive: true, encoding: "utf8" })) {
    const status = lstatSync(join(top, path));
    if (status.isFile()) seen.set(status.ino, status.blocks * 512);
  }
  return { inodes: seen.size, bytes: [...seen.values()].reduce((sum, bytes) => sum + bytes, 0) };
}

/** A line for each file with its content's hash: what no tool may change. */
const contents = (top: string): Promise<string> =>
  output(["sh", "-c", 'cd "$0" && find . -type f -print0 | sort -z | xargs -0 md5sum', top], { seconds: bound });

async function measure({ name, command }: Contestant, top: string, servers: readonly string[]): Promise<Run> {
  const before = disk(join(top, "vservers"));
  const environment = { VSERVER_ROOT: join(top, "vservers"), VSERVER_CONF_DIR: join(top, "conf") };
  const begun = performance.now();
  // What our own process takes would count as the child's, were it not for a small one in between.
  const peak = join(top, "peak");
  const timed = ["timeout", String(bound), "/usr/bin/time", "--quiet", "-f", "%M", "-o", peak];
  const child = Bun.spawn([...timed, ...command(top, servers)], {
    ...{ cwd: top, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    env: { ...process.env, ...environment },
  });
  const complaint = await child.stderr.text();
  const status = await child.exited;
  const milliseconds = performance.now() - begun;
  if (status !== 0) {
    const cause = `status ${status} ${complaint.trim().split("\n").at(-1) ?? ""}`;
    throw new VserverError({ object: "bench", attempt: `run ${name}`, cause });
  }
  const after = disk(join(top, "vservers"));
  const kibibytes = Number(readFileSync(peak, "utf8"));
  return { milliseconds, kibibytes, linked: before.inodes - after.inodes, freed: before.bytes - after.bytes };
}

/** Makes servers that are copies of the tree. */
async function makeServers(top: string, servers: readonly string[]): Promise<void> {
  mkdirSync(join(top, "conf"), { recursive: true });
  for (const name of servers) {
    writeFileSync(join(top, "conf", `${name}.conf`), "IPROOT=0.0.0.0\n");
    await output(["cp", "-a", "--reflink=never", join(top, "tree"), join(top, "vservers", name)], { seconds: bound });
  }
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const columns = [
  { title: "tool" },
  ...["median ms", "times", "peak KiB", "linked", "MiB freed"].map((title) => ({ title, right: true })),
  { title: "aim" },
];

function report(count: number, entries: number, found: ReadonlyMap<string, readonly Run[]>): Report {
  const rows = [...found].map(([name, runs]) => ({
    name,
    milliseconds: median(runs.map((run) => run.milliseconds)),
    kibibytes: Math.max(...runs.map((run) => run.kibibytes)),
    linked: runs[0]?.linked ?? 0,
    freed: runs[0]?.freed ?? 0,
  }));
  const [own, ...peers] = rows;
  const fastest = Math.min(...peers.map((peer) => peer.milliseconds));
  const verdict = (own?.milliseconds ?? 0) <= fastest / 2 ? "met" : "not met";
  return {
    title: `${count} copies of a Debian tree, ${entries} files (this machine)`,
    columns,
    rows: rows.map((row) => [
      row.name,
      row.milliseconds.toFixed(0),
      (row.milliseconds / (own?.milliseconds ?? 1)).toFixed(2),
      String(row.kibibytes),
      String(row.linked),
      (row.freed / 2 ** 20).toFixed(1),
      row === own ? `half of the fastest: ${verdict}` : "",
    ]),
    notes: [
      "times: median of vunify = 1; the content of every file was the same before and after",
      "hardlink asks for the same owner, permissions and time as vunify, jdupes for the permissions, rdfind for the content alone",
      "vunify leaves setuid, setgid and sticky files alone",
      "everything is in memory: a disk would cost all of them the same",
    ],
    data: { copies: count, entries, tools: rows },
  };
}

export async function unify(): Promise<readonly Report[]> {
  if (process.getuid?.() !== 0) {
    const attempt = "link files of servers";
    throw new VserverError({ object: "bench", attempt, cause: "only root may", wayOut: "become root" });
  }
  const part = guestParts.get(guest);
  if (part === undefined) throw new Error(`no tree ${guest}`);
  await output([join(root, "scripts/packages"), ...packages], { seconds: 300 });
  await prepare([part]);
  const top = mkdtempSync(join(place, "vserver-bench-"));
  try {
    mkdirSync(join(top, "tree"));
    await output(["tar", "-xf", partPath(part), "-C", join(top, "tree"), "./usr"], { seconds: bound });
    const found: Report[] = [];
    for (const count of copies) {
      found.push(await showing(`unification of ${count} trees`, () => race(top, count)));
    }
    return found;
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
}

async function race(top: string, count: number): Promise<Report> {
  const servers = Array.from({ length: count }, (_, at) => `copy${at + 1}`);
  const found = new Map<string, Run[]>(contestants.map(({ name }) => [name, []]));
  let entries = 0;
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < contestants.length; at++) {
      const contestant = contestants[(at + round) % contestants.length];
      if (contestant === undefined) continue;
      mkdirSync(join(top, "vservers"));
      await makeServers(top, servers);
      const before = await contents(join(top, "vservers"));
      entries = before.split("\n").length - 1;
      found.get(contestant.name)?.push(await measure(contestant, top, servers));
      if ((await contents(join(top, "vservers"))) !== before) {
        throw new VserverError({ object: "bench", attempt: `run ${contestant.name}`, cause: "files have changed" });
      }
      rmSync(join(top, "vservers"), { recursive: true });
    }
  }
  return report(count, entries, found);
}
