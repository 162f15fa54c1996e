/** `vserver-stat --limits` and `--prometheus`: what every running server uses of its limits. */
import { type LimitKey, limitKeys, limitTable } from "../../server/conf/limits.ts";
import { states } from "../../server/life/state.ts";
import { type LimitState, limitStates, placeOf } from "../../server/limit/change.ts";
import { processorSeconds } from "../../server/limit/cpu.ts";
import type { ServerName } from "../../server/name.ts";
import { sizeText } from "../../text/amount.ts";
import { table } from "../../text/table.ts";

export interface ServerLimits {
  readonly name: ServerName;
  readonly context: number | null;
  /** Seconds since 1970. */
  readonly started: number;
  /** Processor time since the start, in seconds; null where nobody counts it. */
  readonly processorTime: number | null;
  readonly limits: readonly LimitState[];
}

/** All servers that are set up, by name. */
export function serverLimits(): readonly ServerLimits[] {
  return states().flatMap(({ name, xid, started }) => {
    const place = placeOf(name);
    if (place === undefined) return [];
    const processorTime = processorSeconds(name) ?? null;
    return [{ name, context: xid, started: started / 1000, processorTime, limits: limitStates(place) }];
  });
}

/** Limits that have a number of what is used: the columns. */
const counted = limitKeys.filter((key) => ["SIZE", "NUMBER"].includes(limitTable[key].value) && key !== "MEMORY_HIGH");

function cell(key: LimitKey, limits: readonly LimitState[]): string {
  const state = limits.find((one) => one.key === key);
  const words = (amount: number | null) =>
    amount === null ? "-" : limitTable[key].value === "SIZE" ? sizeText(amount) : String(amount);
  return state === undefined || (state.used === null && state.amount === null)
    ? "-"
    : `${words(state.used)}/${words(state.amount)}`;
}

/** A line for each server: what is used and what is allowed of each. */
export function limitsTable(all: readonly ServerLimits[]): string {
  const columns = counted.map((key) => ({ title: key, right: true }));
  const rows = all.map(({ name, context, limits }) => [
    context === null ? "-" : String(context),
    ...counted.map((key) => cell(key, limits)),
    name,
  ]);
  return table([{ title: "CTX" }, ...columns, { title: "NAME" }], rows);
}

interface Metric {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly samples: (server: ServerLimits) => readonly (readonly [labels: string, value: number | null])[];
}

const byLimit = (pick: (state: LimitState) => number | null) => (server: ServerLimits) =>
  server.limits.map((state) => [`,limit="${state.key.toLowerCase()}"`, pick(state)] as const);

const metrics: readonly Metric[] = [
  {
    name: "vserver_limit_used",
    type: "gauge",
    help: "How much of a limited resource is used, in bytes or things.",
    samples: byLimit(({ used }) => used),
  },
  {
    name: "vserver_limit_allowed",
    type: "gauge",
    help: "How much of it may be used.",
    samples: byLimit(({ amount }) => amount),
  },
  {
    name: "vserver_limit_hits_total",
    type: "counter",
    help: "How often a limit was hit since the server was started.",
    samples: byLimit(({ hits }) => hits),
  },
  {
    name: "vserver_cpu_seconds_total",
    type: "counter",
    help: "Processor time of the server since it was started.",
    samples: ({ processorTime }) => [["", processorTime]],
  },
  {
    name: "vserver_start_time_seconds",
    type: "gauge",
    help: "When the server was started, in seconds since 1970.",
    samples: ({ started }) => [["", started]],
  },
];

/** The text exposition format of Prometheus, for the textfile collector of its node exporter. */
export function prometheusText(all: readonly ServerLimits[]): string {
  return metrics
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...all.flatMap((server) =>
        samples(server).flatMap(([labels, value]) =>
          value === null ? [] : [`${name}{server="${server.name}"${labels}} ${value}`],
        ),
      ),
    ])
    .join("\n");
}
