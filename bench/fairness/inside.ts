/** In the test machine: what a load on one server's nginx gets while another one attacks. A line of JSON for each state. */
import { readFileSync } from "node:fs";
import {
  attackCommand,
  attacks,
  calm,
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

/** Milliseconds of wrk's `1.23ms`, `45.6us`, `1.2s`. */
function milliseconds(text: string): number {
  const [, number = "", unit = ""] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? [];
  const factor: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };
  return Number(number) * (factor[unit] ?? Number.NaN);
}

/** Milliseconds of processor time that the quiet server and the attacker have had. */
const processorTimes = (): readonly number[] =>
  [calm, rogue].map((name) => {
    const text = readFileSync(`/sys/fs/cgroup/vserver-${name}/cpu.stat`, "utf8");
    return Number(/^usage_usec (\d+)$/m.exec(text)?.[1]) / 1000;
  });

async function load(state: string): Promise<void> {
  const begun = performance.now();
  const before = processorTimes();
  const { output } = await type(
    `wrk -t 1 -c 4 -d ${seconds}s --timeout 30s --latency -H 'Connection: close' http://${calmAddress}/`,
  );
  const elapsed = performance.now() - begun;
  const [answering, attacking] = processorTimes().map((after, at) => (after - (before[at] ?? Number.NaN)) / elapsed);
  const percentile = (which: string) => milliseconds(new RegExp(`^ +${which}% +(\\S+)$`, "m").exec(output)?.[1] ?? "");
  const perSecond = Number(/^Requests\/sec: +([\d.]+)$/m.exec(output)?.[1]);
  const failed = /Socket errors|Non-2xx/.test(output)
    ? output.match(/^ +(?:Socket errors|Non-2xx).*$/m)?.[0].trim()
    : "";
  const shares = { answering, attacking };
  console.log(JSON.stringify({ state, p50: percentile("50"), p99: percentile("99"), perSecond, shares, failed }));
}

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
} finally {
  await removeBoth();
}
