/** What the caller had arrives at the final program unchanged. */
import { beforeAll, expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { sealedMemory } from "../../src/linux/memfd.ts";
import { encodePlan } from "../../src/linux/plan/encode.ts";
import { type Step, step } from "../../src/linux/plan/step.ts";
import { buildDirectory, buildLaunch, buildProbe, probe } from "./fixture.ts";

beforeAll(async () => {
  await Promise.all([buildLaunch(), buildProbe()]);
});

/** What the probe shows when a caller with an unusual state runs it through `before`, with `third` as descriptor 3. */
async function shown(before: readonly string[], third: number | "ignore" = "ignore"): Promise<string[]> {
  const words = [probe, "show", "a b", "", "--", "naïve"];
  const child = Bun.spawn([probe, "call", ...before, ...words], {
    stdio: ["ignore", "pipe", "inherit", third],
  });
  const output = await new Response(child.stdout as ReadableStream).text();
  expect(await child.exited).toBe(0);
  expect(output).toContain("LATIN=".replace(/./g, (letter) => letter.charCodeAt(0).toString(16)));
  return output.split("\n").filter((line) => !/^fd [13] /.test(line));
}

async function throughLaunch(steps: readonly Step[], before: readonly string[] = []): Promise<string[]> {
  const plan = sealedMemory("plan", encodePlan({ steps, exitStatus: 255 }));
  try {
    return await shown([...before, join(buildDirectory, "launch"), "3"], plan);
  } finally {
    closeSync(plan);
  }
}
const execute = step("exec", { file: "", arguments: [], append: true });

test("launch hands on descriptors, signals, limits, environment, arguments, directory, umask and niceness", async () => {
  expect(await throughLaunch([execute])).toEqual(await shown([]));
});

test("so it does when it waits for the program", async () => {
  expect(await throughLaunch([step("fork_wait", {}), execute])).toEqual(await shown([]));
});

test("so does a chain loader in TypeScript that becomes launch", async () => {
  expect(await shown([process.execPath, join(import.meta.dir, "chain.ts")])).toEqual(await shown([]));
});

test("so does launch when it is not root and does not copy itself", async () => {
  const asUser = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
  expect(await throughLaunch([execute], asUser)).toEqual(await shown(asUser));
});

test("arguments that are not UTF-8 arrive byte for byte", async () => {
  const command = `exec "$0" "$1" "$2" show "$(printf '\\377\\376 x')"`;
  const chain = join(import.meta.dir, "chain.ts");
  const child = Bun.spawn(["bash", "-c", command, process.execPath, chain, probe], { stdout: "pipe" });
  expect(await new Response(child.stdout).text()).toContain("argument fffe2078\n");
});
