/** In the test machine: what a load on one server's nginx gets while another one attacks. A line of JSON for each state. */

import { readServerConf } from "../../src/server/conf/read.ts";
import { applyLimits } from "../../src/server/limit/apply.ts";
import { limitStates, runningPlace } from "../../src/server/limit/change.ts";
import { serverName } from "../../src/server/name.ts";
import {
  attackCommand,
  attacks,
  calmAddress,
  endAttack,
  removeBoth,
  rogue,
  startBoth,
} from "../../tests/machine/limits/attacks.ts";
import { type } from "../../tests/machine/shell.ts";

/** Seconds of load in each state, and before it until an attack is in full swing. */
const seconds = 10;
const swing = 5000;
/** How often what is done once is timed. */
const rounds = 25;

/** Milliseconds of wrk's `1.23ms`, `45.6us`, `1.2s`. */
function milliseconds(text: string): number {
  const [, number = "", unit = ""] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? [];
  const factor: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };
  return Number(number) * (factor[unit] ?? Number.NaN);
}

async function load(state: string): Promise<void> {
  const { output } = await type(
    `wrk -t 1 -c 4 -d ${seconds}s --timeout 30s --latency -H 'Connection: close' http://${calmAddress}/`,
  );
  const percentile = (which: string) => milliseconds(new RegExp(`^ +${which}% +(\\S+)$`, "m").exec(output)?.[1] ?? "");
  const perSecond = Number(/^Requests\/sec: +([\d.]+)$/m.exec(output)?.[1]);
  const failed = /Socket errors|Non-2xx/.test(output)
    ? output.match(/^ +(?:Socket errors|Non-2xx).*$/m)?.[0].trim()
    : "";
  console.log(JSON.stringify({ state, p50: percentile("50"), p99: percentile("99"), perSecond, failed }));
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function timed(work: () => Promise<unknown>, times = rounds): Promise<number> {
  const took: number[] = [];
  for (let round = 0; round < times; round++) {
    const begun = performance.now();
    await work();
    took.push(performance.now() - begun);
  }
  return median(took);
}

/** What it costs to set the limits of a server, and a whole start to compare it with, in milliseconds. */
async function startCost(): Promise<void> {
  const name = serverName(rogue);
  const place = runningPlace(name);
  const { MEMORY, NPROC, FILES, CPU_MAX, IO_WRITE, IO_WRITE_OPS } = readServerConf(name).conf.limits;
  const limits = { MEMORY, NPROC, FILES, CPU_MAX, IO_WRITE, IO_WRITE_OPS };
  const set = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
  const count = limitStates(place).filter(({ key }) => key in set).length;
  const apply = await timed(() => applyLimits(place, set));
  const start = await timed(async () => {
    await type(`vserver --silent ${rogue} stop`);
    const begun = performance.now();
    await type(`vserver --silent ${rogue} start`);
    starts.push(performance.now() - begun);
  }, 5);
  console.log(JSON.stringify({ limits: count, apply, start: start === 0 ? 0 : median(starts) }));
}
const starts: number[] = [];

await type("vkernel load");
await startBoth();
try {
  await load("quiet");
  for (const attack of attacks) {
    const child = Bun.spawn([...attackCommand(attack)], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    await Bun.sleep(swing);
    await load(attack.name);
    await endAttack();
    await child.exited;
  }
  await load("quiet again");
  await startCost();
} finally {
  await removeBoth();
}
