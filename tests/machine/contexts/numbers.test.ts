/** Another PID namespace's numbers, another procfs mount, and a procfs of outside give no way around. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { attack, type Topic, worked } from "./attack.ts";
import { positions } from "./directions.ts";
import { type Place, place, type Victim } from "./places.ts";

const inNamespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
const topics: readonly Topic[] = ["signals", "tracing", "limits", "identity", "processes", "ring"];

let nested: Place;
/** Two processes of the nested namespace, the second in a context. */
let plain: Victim;
let inside: Victim;
beforeAll(async () => {
  await Bun.$`mkdir -p /tmp/proc2 && mount -t proc proc /tmp/proc2`.quiet();
  await positions();
  nested = await place(...inNamespace);
  plain = await nested.victim();
  inside = await nested.victim(2, "chcontext --silent");
});
afterAll(async () => {
  await nested.end();
  await Bun.$`umount -l /tmp/proc2`.quiet();
});

for (const topic of topics) {
  test(`${topic}: in a nested PID namespace, by its own numbers`, async () => {
    const failed = [...(await attack(nested, topic, plain))].filter(([, result]) => result !== "ok");
    expect(failed).toEqual([]);
    expect(worked(await attack(nested, topic, inside))).toEqual([]);
    const fromContext: Place = { ...nested, run: (script) => nested.run(`chcontext --silent ${script}`) };
    expect(worked(await attack(fromContext, topic, plain))).toEqual([]);
  });
}

test("processes: through another mount of procfs", async () => {
  const field = await positions();
  const main = field["root of the main server"];
  const one = field["root in a context"];
  for (const topic of ["processes", "ring"] as const) {
    expect(worked(await attack(main.place, topic, main.victim, "/tmp/proc2")).length).toBeGreaterThan(5);
    expect(worked(await attack(main.place, topic, one.victim, "/tmp/proc2"))).toEqual([]);
    expect(worked(await attack(one.place, topic, main.victim, "/tmp/proc2"))).toEqual([]);
  }
});

test("processes: through a procfs of outside that somebody held open", async () => {
  const { victim } = (await positions())["root of the main server"];
  const words = [...inNamespace, "chcontext", "--silent"];
  const holding = await place("sh", "-c", `exec 8</proc; exec ${words.join(" ")} sh`);
  const results = await attack(holding, "processes", victim, "/proc/self/fd/8");
  expect(worked(results)).toEqual([]);
  expect(await holding.run("cat /proc/self/fd/8/1/comm")).toBe(readFileSync("/proc/1/comm", "utf8"));
  await holding.end();
});

test("a context in a PID namespace of its own has no numbers for others", async () => {
  const own = await place("chcontext", "--silent", "--flag", "fakeinit");
  const { victim } = (await positions())["root of the main server"];
  for (const topic of ["signals", "limits", "identity", "clocks"] as const) {
    // There is no directory of that number in its /proc, and a CPU clock of it is no clock.
    const answers = ["ESRCH", ...(topic === "signals" ? ["ENOENT"] : topic === "clocks" ? ["EINVAL"] : [])];
    const others = [...(await attack(own, topic, victim))].filter(([, result]) => !answers.includes(result));
    expect(others).toEqual([]);
  }
  await own.end();
});
