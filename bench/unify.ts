/** vunify against the tools that link equal files: the same trees, a fresh set of copies for each, all in one run. */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { partPath } from "../machine/parts/cache.ts";
import { guestParts } from "../machine/parts/guests.ts";
import { prepare } from "../machine/parts/prepare.ts";
import { VserverError } from "../src/text/error.ts";
import { type Linker, linkers, packages } from "./linkers.ts";
import { output, root } from "./process.ts";
import { showing } from "./progress.ts";
import type { Report } from "./report.ts";

/** In memory, so that the tools are compared and not what the disk happens to do. */
const place = "/dev/shm";
const guest = "debian-nginx";
const copies = [4, 16] as const;
/** How often each tool runs; where trees need not be made anew, more often. */
const rounds = { link: 3, test: 9 } as const;
/** Seconds one tool may take. */
const bound = 600;
/** Before other work of the machine, where a process may have real-time priority. */
const priority = ["chrt", "--fifo", "20"];

interface Cost {
  readonly milliseconds: number;
  readonly kibibytes: number;
}

interface Run extends Cost {
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

class Race {
  readonly #vservers: string;
  readonly #conf: string;
  readonly #names: readonly string[];
  /** Files in all trees. */
  entries = 0;

  constructor(
    readonly top: string,
    readonly count: number,
    readonly priority: readonly string[],
  ) {
    this.#vservers = join(top, "vservers");
    this.#conf = join(top, "conf");
    this.#names = Array.from({ length: count }, (_, at) => `copy${at + 1}`);
  }

  /** A fresh set for each tool and round. */
  async link(): Promise<Report> {
    const found = await this.#rounds(rounds.link, async ({ name, link }) => {
      const made = await this.#make();
      const before = disk(this.#vservers);
      const cost = await this.#measure(name, link(this.#trees()));
      const after = disk(this.#vservers);
      await this.#expect(made, name);
      this.#remove();
      return { ...cost, linked: before.inodes - after.inodes, freed: before.bytes - after.bytes };
    });
    return this.#report("linked", found, [
      "times: median of vunify = 1; the content of every file was the same before and after",
      "hardlink asks for the same owner, permissions and time as vunify, jdupes for the permissions, rdfind for the content alone",
      "vunify leaves setuid, setgid and sticky files alone",
      "everything is in memory: a disk would cost all of them the same",
    ]);
  }

  /** One set for all: nobody changes it. */
  async test(): Promise<Report> {
    const made = await this.#make();
    const before = disk(this.#vservers);
    const found = await this.#rounds(rounds.test, async ({ name, test }) => ({
      ...(await this.#measure(name, test(this.#trees()))),
      ...{ linked: 0, freed: 0 },
    }));
    await this.#expect(made, "what changes nothing");
    if (disk(this.#vservers).inodes !== before.inodes) {
      throw new VserverError({ object: "bench", attempt: "compare only", cause: "files were linked" });
    }
    this.#remove();
    return this.#report("compared only", found, [
      "times: median of vunify = 1; rdfind compares checksums, the others every byte",
    ]);
  }

  #trees(): readonly string[] {
    return this.#names.map((name) => join(this.#vservers, name));
  }

  /** @returns their contents */
  async #make(): Promise<string> {
    mkdirSync(this.#conf, { recursive: true });
    mkdirSync(this.#vservers);
    for (const [at, tree] of this.#trees().entries()) {
      writeFileSync(join(this.#conf, `${this.#names[at]}.conf`), "IPROOT=0.0.0.0\n");
      await output(["cp", "-a", "--reflink=never", join(this.top, "tree"), tree], { seconds: bound });
    }
    const made = await contents(this.#vservers);
    this.entries = made.split("\n").length - 1;
    return made;
  }

  #remove(): void {
    rmSync(this.#vservers, { recursive: true });
  }

  async #expect(before: string, who: string): Promise<void> {
    if ((await contents(this.#vservers)) === before) return;
    throw new VserverError({ object: "bench", attempt: `run ${who}`, cause: "files have changed" });
  }

  /** In another order each time. */
  async #rounds(count: number, run: (linker: Linker) => Promise<Run>): Promise<ReadonlyMap<string, readonly Run[]>> {
    const found = new Map<string, Run[]>(linkers.map(({ name }) => [name, []]));
    for (let round = 0; round < count; round++) {
      for (let at = 0; at < linkers.length; at++) {
        const linker = linkers[(at + round) % linkers.length];
        if (linker !== undefined) found.get(linker.name)?.push(await run(linker));
      }
    }
    return found;
  }

  async #measure(name: string, command: readonly string[]): Promise<Cost> {
    const environment = { VSERVER_ROOT: this.#vservers, VSERVER_CONF_DIR: this.#conf };
    // What our own process takes would count as the child's, were it not for a small one in between.
    const peak = join(this.top, "peak");
    const timed = [...this.priority, "timeout", String(bound), "/usr/bin/time", "--quiet", "-f", "%M", "-o", peak];
    const begun = performance.now();
    const child = Bun.spawn([...timed, ...command], {
      ...{ cwd: this.top, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
      env: { ...process.env, ...environment },
    });
    const complaint = await child.stderr.text();
    const status = await child.exited;
    const milliseconds = performance.now() - begun;
    if (status !== 0) {
      const cause = `status ${status} ${complaint.trim().split("\n").at(-1) ?? ""}`;
      throw new VserverError({ object: "bench", attempt: `run ${name}`, cause });
    }
    return { milliseconds, kibibytes: Number(readFileSync(peak, "utf8")) };
  }

  #report(what: string, found: ReadonlyMap<string, readonly Run[]>, notes: readonly string[]): Report {
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
      title: `${this.count} copies of a Debian tree, ${this.entries} files, ${what} (this machine)`,
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
      notes,
      data: { copies: this.count, entries: this.entries, what, tools: rows },
    };
  }
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const columns = [
  { title: "tool" },
  ...["median ms", "times", "peak KiB", "linked", "MiB freed"].map((title) => ({ title, right: true })),
  { title: "aim" },
];

export async function unify(): Promise<readonly Report[]> {
  if (process.getuid?.() !== 0) {
    const attempt = "link files of servers";
    throw new VserverError({ object: "bench", attempt, cause: "only root may", wayOut: "become root" });
  }
  const part = guestParts.get(guest);
  if (part === undefined) throw new Error(`no tree ${guest}`);
  await output([join(root, "scripts/packages"), ...packages], { seconds: 300 });
  await prepare([part]);
  const possible = Bun.spawnSync([...priority, "true"], { stdin: "ignore" }).success ? priority : [];
  const top = mkdtempSync(join(place, "vserver-bench-"));
  try {
    mkdirSync(join(top, "tree"));
    await output(["tar", "-xf", partPath(part), "-C", join(top, "tree"), "./usr"], { seconds: bound });
    const found: Report[] = [];
    for (const count of copies) {
      const race = new Race(top, count, possible);
      found.push(await showing(`comparison of ${count} trees`, () => race.test()));
      found.push(await showing(`unification of ${count} trees`, () => race.link()));
    }
    return found;
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
}
