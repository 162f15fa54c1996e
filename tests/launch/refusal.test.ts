/** launch obeys only sealed plans, and nobody inside can write to the program through its process. */
import { beforeAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { libc } from "../../src/linux/libc.ts";
import { sealedMemory } from "../../src/linux/memfd.ts";
import { encodePlan } from "../../src/linux/plan/encode.ts";
import { step } from "../../src/linux/plan/step.ts";
import { runPlan } from "../../src/linux/spawn.ts";
import { buildDirectory, buildLaunch, shell } from "./fixture.ts";

beforeAll(buildLaunch);

const bytes = encodePlan({ steps: [shell("echo obeyed")], exitStatus: 255 });

async function launch(third: number | "ignore", word = "3"): Promise<{ status: number; said: string }> {
  const child = Bun.spawn([join(buildDirectory, "launch"), word], { stdio: ["ignore", "pipe", "pipe", third] });
  const said =
    (await new Response(child.stdout as ReadableStream).text()) +
    (await new Response(child.stderr as ReadableStream).text());
  return { status: await child.exited, said };
}

test("a sealed plan is obeyed", async () => {
  const plan = sealedMemory("plan", bytes);
  expect(await launch(plan)).toEqual({ status: 0, said: "obeyed\n" });
  closeSync(plan);
});

test("a plan that could still be changed is not", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "launch-"));
  writeFileSync(join(scratch, "plan"), bytes);
  const file = openSync(join(scratch, "plan"), "r");
  const unsealed = libc().memfd_create("plan", 2);
  for (const descriptor of [file, unsealed]) {
    const { status, said } = await launch(descriptor);
    expect(said).toMatch(/^launch: cannot read the plan: .*; it must be a sealed memfd\n$/);
    expect(status).toBe(255);
    closeSync(descriptor);
  }
  rmSync(scratch, { recursive: true });
});

test("what is no plan changes nothing and is one line", async () => {
  for (const wrong of [bytes.subarray(0, -1), bytes.subarray(1), new Uint8Array(8), new Uint8Array([...bytes, 0])]) {
    const plan = sealedMemory("plan", wrong);
    const { status, said } = await launch(plan);
    expect(said).toBe("launch: cannot read the plan: bad message; it must be written by the same version\n");
    expect(status).toBe(255);
    closeSync(plan);
  }
});

test("no descriptor, or a word that is none, is one line", async () => {
  for (const word of ["", "x", "3x", "-1", "99999999999"]) {
    const { status, said } = await launch("ignore", word);
    expect(said).toBe("launch: the tools of vserver run this; it needs the descriptor of a plan\n");
    expect(status).toBe(255);
  }
});

test("root's launch runs from a sealed copy, so that its /proc/PID/exe is no way to the host's file", async () => {
  const { output } = await runPlan(
    [step("fork_wait", {}), shell("readlink /proc/$PPID/exe; (echo x >> /proc/$PPID/exe) 2>&1")],
    { stdout: "pipe" },
  );
  expect(output).toMatch(/memfd:launch/);
  expect(output).toMatch(/Operation not permitted|Text file busy/);
});
