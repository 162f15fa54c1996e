/** Races of whole processes: reads what inside.sh prints, and sets time, memory and what stays against the peers. */
import type { Report } from "./report.ts";

/** What a race of each name shows, and what our contestants in it aim at. */
export interface Contest {
  readonly title: string;
  readonly notes: readonly string[];
  /** Our contestants, each with the most milliseconds its median should take natively. */
  readonly aims: Readonly<Record<string, number | undefined>>;
  /** Contestants that the first of ours should be ahead of. */
  readonly behind?: readonly string[];
}

export const contests: Readonly<Record<string, Contest>> = {
  once: {
    title: "A jail for one command: set up, true, taken down",
    aims: { "vserver exec, stopped server": 10, chcontext: 6 },
    notes: [
      "chcontext isolates processes and is done; the others make namespaces and a root as well",
      "vserver --version is what our runtime takes to start and end, true what the program in the jail takes",
    ],
  },
  start: {
    title: "Start of an idle server: until its init runs and the command, where it returns, has returned",
    aims: { "vserver start": undefined },
    notes: ["unshare, bwrap and systemd-nspawn do not return while the server runs"],
  },
  enter: {
    title: "Entry of a running server: true in it",
    aims: { vexec: 3, "vserver exec": undefined },
    behind: ["nsenter + setpriv", "lxc-attach"],
    notes: ["nsenter + setpriv enters the same server, without its control group, context and limits"],
  },
};

interface Run {
  readonly milliseconds: number;
  readonly kibibytes: number;
  readonly staying: number;
}

/** The runs of one contestant, or why there are none. */
export interface Contestant {
  readonly name: string;
  readonly runs: readonly Run[];
  readonly absent: string | undefined;
}

/** Contestants by race, in the order they appear. */
export type Races = Readonly<Record<string, readonly Contestant[]>>;

function parseLine(line: string): { readonly name: string; readonly run?: Run; readonly absent?: string } | undefined {
  const [name = "", first = "", ...rest] = line.split("\t");
  if (first === "missing" || first === "failed") return { name, absent: `${first}: ${rest.join(" ")}` };
  const [nanoseconds, kibibytes, staying] = [first, ...rest].map(Number);
  if (nanoseconds === undefined || kibibytes === undefined || staying === undefined) return undefined;
  return { name, run: { milliseconds: nanoseconds / 1e6, kibibytes, staying } };
}

/** Reads `== RACE` lines with the lines of race.c under each. */
export function parseRaces(text: string): Races {
  const sections = text.split(/^== (.*)\n/m).slice(1);
  const races: Record<string, readonly Contestant[]> = {};
  for (let at = 0; at + 1 < sections.length; at += 2) {
    const found = new Map<string, { runs: Run[]; absent: string | undefined }>();
    for (const line of (sections[at + 1] ?? "").split("\n").map(parseLine)) {
      if (line === undefined) continue;
      const one = found.get(line.name) ?? { runs: [], absent: line.absent };
      if (line.run !== undefined) one.runs.push(line.run);
      found.set(line.name, one);
    }
    races[sections[at] ?? ""] = Array.from(found, ([name, one]) => ({ name, ...one }));
  }
  return races;
}

export interface Summary {
  readonly name: string;
  readonly median: number;
  readonly least: number;
  readonly kibibytes: number;
  readonly staying: number;
}

function summary({ name, runs }: Contestant): Summary {
  const times = runs.map((run) => run.milliseconds).sort((a, b) => a - b);
  const median = ((times[Math.floor((times.length - 1) / 2)] ?? 0) + (times[Math.floor(times.length / 2)] ?? 0)) / 2;
  const most = (pick: (run: Run) => number) => Math.max(...runs.map(pick));
  const [kibibytes, staying] = [most((run) => run.kibibytes), most((run) => run.staying)];
  return { name, median, least: times[0] ?? 0, kibibytes, staying };
}

const met = (is: boolean): string => (is ? "met" : "not met");

/** What one of ours aims at, and whether it gets there. Milliseconds count only where `native`. */
function verdict(contest: Contest, own: Summary, all: readonly Summary[], native: boolean): string {
  const limit = contest.aims[own.name];
  const first = own.name === Object.keys(contest.aims)[0];
  const rivals = first ? all.filter((other) => contest.behind?.includes(other.name)) : [];
  return [
    ...(limit === undefined || !native ? [] : [`${limit} ms ${met(own.median <= limit)}`]),
    ...rivals.map((rival) => `before ${rival.name} ${met(own.median < rival.median)}`),
    ...(own.staying === 0 ? [] : ["none stays not met"]),
  ].join(", ");
}

const columns = [
  { title: "command" },
  ...["median ms", "min ms", "times", "peak KiB", "stay"].map((title) => ({ title, right: true })),
  { title: "aim" },
];

/** One table: ours first, each with its aim, then the peers, the quickest first. */
export function raceReport(where: string, name: string, contestants: readonly Contestant[], native: boolean): Report {
  const contest = contests[name] ?? { title: name, notes: [], aims: {} };
  const ours = Object.keys(contest.aims);
  const rank = (one: Summary) => (ours.includes(one.name) ? ours.indexOf(one.name) - ours.length : one.median);
  const present = contestants.filter((one) => one.runs.length > 0).map(summary);
  present.sort((a, b) => rank(a) - rank(b));
  const base = present[0]?.median ?? Number.NaN;
  return {
    title: `${contest.title} (${where})`,
    columns,
    rows: present.map((one) => [
      one.name,
      one.median.toFixed(2),
      one.least.toFixed(2),
      (one.median / base).toFixed(2),
      String(one.kibibytes),
      String(one.staying),
      ours.includes(one.name) ? verdict(contest, one, present, native) : "",
    ]),
    notes: [
      `times: median of ${present[0]?.name ?? "the first"} = 1; stay: processes beside those of the jail itself`,
      ...contest.notes,
      ...contestants.flatMap(({ name, absent }) => (absent === undefined ? [] : [`${name}: ${absent}`])),
    ],
    data: { where, race: name, milliseconds: present, absent: contestants.filter((one) => one.runs.length === 0) },
  };
}
