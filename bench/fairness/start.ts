/** In the test machine: what limits add to a start, as a line of JSON. A nanosecond there is an instruction. */
import { makeServer, removeServer } from "../../tests/machine/limits/place.ts";
import { type } from "../../tests/machine/shell.ts";

const rounds = 21;

/** Two servers that differ in their limits alone: one of every mechanism. The first start with DISK is another matter. */
const [bare, bound] = ["bare", "bound"] as const;
const limits = [
  ...["MEMORY=96M", "SWAP=0", "NPROC=80", "FILES=600", "CPU_WEIGHT=50", "CPU_MAX=150%", "CPUSET=0", "IO_READ=50M"],
  ...["IO_WRITE=20M", "IO_WRITE_OPS=500", "PTYS=8", "SHM=16M", "SEMAPHORES=200", "MESSAGES=4", "QUEUES=4"],
];

/** Millions of instructions of a start. */
function start(name: string): number {
  const begun = performance.now();
  const { exitCode } = Bun.spawnSync(["vserver", "--silent", name, "start"], { stdin: "ignore" });
  if (exitCode !== 0) throw new Error(`${name} does not start`);
  return performance.now() - begun;
}

/** The value that such a part of all is below. */
const quantile = (values: readonly number[], part: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;

await type("vkernel load");
await makeServer(bare, "S_CONTEXT=747");
await makeServer(bound, ["S_CONTEXT=748", ...limits].join("\n"));
const without: number[] = [];
const added: number[] = [];
try {
  // What is done once for all servers is not part of it.
  for (const name of [bare, bound]) start(name);
  for (let round = 0; round < rounds; round++) {
    // What the kernel puts off until later is done by then; where nothing happens time leaps.
    await type(`vserver --silent ${bare} stop; vserver --silent ${bound} stop; sleep 3`);
    const order = round % 2 === 0 ? [bare, bound] : [bound, bare];
    const took = new Map(order.map((name) => [name, start(name)] as const));
    const [least = Number.NaN, most = Number.NaN] = [took.get(bare), took.get(bound)];
    without.push(least);
    added.push(most - least);
  }
} finally {
  for (const name of [bare, bound]) await removeServer(name);
}
const quartiles = [0.25, 0.75].map((part) => quantile(added, part));
console.log(
  JSON.stringify({ limits: limits.length, added: quantile(added, 0.5), quartiles, start: quantile(without, 0.5) }),
);
