/** The plan reader never reads outside its bytes, whatever they are. */
import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { encodePlan } from "../../src/linux/plan/encode.ts";
import { step } from "../../src/linux/plan/step.ts";
import { buildDirectory, buildLaunch } from "./fixture.ts";

const plan = encodePlan({
  exitStatus: 255,
  steps: [
    step("mount", { source: "proc", target: "/proc", type: "proc", flags: 0, data: "" }, "ignore"),
    step("set_hostname", { name: "web1" }, { object: "web1", attempt: "set the host name", wayOut: "be root" }),
    step(
      "context_call",
      { call: new Uint8Array(40).fill(7) },
      { object: "web1", attempt: "enter", wayOut: { EPERM: "be root", ENOENT: "load it", default: "look" } },
    ),
    step("close_from", { from: 3, keep: new Uint8Array() }),
    step("environment", { variables: ["PATH=/bin", "A=b", ""] }),
    step("exec", { file: "", arguments: [], append: true }),
  ],
});

beforeAll(buildLaunch);

async function decode(bytes: Uint8Array, seed: number, rounds: number) {
  const harness = Bun.spawn([join(buildDirectory, "fuzz-plan"), String(seed), String(rounds)], {
    stdin: bytes,
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await new Response(harness.stdout).text();
  expect(await harness.exited).toBe(0);
  const [, accepted, refused] = /^accepted (\d+) refused (\d+)$/m.exec(output) ?? [];
  return { accepted: Number(accepted), refused: Number(refused) };
}

test("a plan as TypeScript writes it is accepted", async () => {
  expect(await decode(plan, 1, 1)).toEqual({ accepted: 1, refused: 0 });
});

test("random, truncated and mutated plans are refused or read within their bytes", async () => {
  for (const seed of [1, 20030416]) {
    const { accepted, refused } = await decode(plan, seed, 30_000);
    expect(accepted).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(10_000);
  }
});
