/** What is known of servers from outside: running or not, how many processes, since when. */
import { copierProcess, hasCopies } from "../../context/copies.ts";
import { droppedPackets } from "../../context/group.ts";
import { configuredServers } from "../../server/boot/servers.ts";
import { readServerConf } from "../../server/conf/read.ts";
import { groupProcesses, isPopulated, serverGroup } from "../../server/life/cgroup.ts";
import { readState } from "../../server/life/state.ts";
import type { ServerName } from "../../server/name.ts";
import { explain } from "../../text/error.ts";
import { type Column, table } from "../../text/table.ts";

export interface Status {
  readonly name: ServerName;
  readonly running: boolean;
  readonly context: number | null;
  /** None when it is not tied. */
  readonly addresses: readonly string[];
  /** Packets its backstop has dropped; null without one. */
  readonly dropped: number | null;
  /** What writing to a unified file does, for a server that was started with S_FLAGS=cow; null for others. */
  readonly cow: "copies" | "refused" | null;
  readonly processes: number;
  /** Seconds since it was started; null when it is not running. */
  readonly uptime: number | null;
  readonly onBoot: boolean | null;
  readonly description: string | null;
  /** Why its conf file cannot be used. */
  readonly problem: string | null;
}

function cowOf(xid: number | null): Status["cow"] {
  if (xid === null || !hasCopies(xid)) return null;
  return copierProcess() === undefined ? "refused" : "copies";
}

export function statusOf(name: ServerName): Status {
  const running = isPopulated(name);
  const state = running ? readState(name) : undefined;
  const dropped = running ? droppedPackets(serverGroup(name)) : undefined;
  const common = {
    name,
    running,
    context: state?.xid ?? null,
    addresses: state?.addresses.map(({ address }) => address) ?? [],
    dropped: state === undefined || dropped === undefined ? null : Number(dropped),
    cow: cowOf(state?.xid ?? null),
    processes: running ? groupProcesses(serverGroup(name)).length : 0,
    uptime: state === undefined ? null : Math.floor((Date.now() - state.started) / 1000),
  };
  try {
    const { conf } = readServerConf(name);
    return { ...common, onBoot: conf.onBoot, description: conf.description ?? null, problem: null };
  } catch (thrown) {
    return { ...common, onBoot: null, description: null, problem: explain(thrown).line };
  }
}

/** `[D days ]HH:MM`, as the status of 2003 had it. */
export function uptimeText(seconds: number): string {
  const days = Math.floor(seconds / 86400);
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}`;
  return days === 0 ? clock : `${days} days ${clock}`;
}

export function listServers(json: boolean): number {
  const all = configuredServers().map(statusOf);
  if (json) {
    console.log(JSON.stringify(all, null, 2));
    return 0;
  }
  const columns: readonly Column[] = [
    { title: "NAME" },
    { title: "STATE", colour: (cell: string) => (cell === "running" ? "green" : "dim") },
    { title: "CONTEXT", right: true },
    { title: "PROC", right: true },
    { title: "ADDRESS" },
    { title: "UPTIME" },
    { title: "ONBOOT" },
    { title: "DESCRIPTION" },
  ];
  const rows = all.map((one) => [
    one.name,
    one.running ? "running" : "stopped",
    one.context === null ? "-" : String(one.context),
    String(one.processes),
    one.addresses.join(" ") || "-",
    one.uptime === null ? "-" : uptimeText(one.uptime),
    one.onBoot === null ? "?" : one.onBoot ? "yes" : "no",
    one.problem ?? one.description ?? "",
  ]);
  console.log(table(columns, rows));
  return 0;
}
