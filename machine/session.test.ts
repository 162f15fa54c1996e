import { expect, test } from "bun:test";
import type { Outcome } from "./machine.ts";
import { untilBorn } from "./session.ts";

const unborn: Outcome = { kind: "unborn", reason: "panic", console: "" };
const failure: Outcome = { kind: "failure", reason: "oops", console: "" };
const done: Outcome = { kind: "exit", status: 0 };

async function boots(...outcomes: Outcome[]) {
  let count = 0;
  const last = await untilBorn(async () => outcomes[count++] ?? done);
  return { last, count };
}

test("a boot that died before its init is tried again", async () => {
  expect(await boots(unborn, unborn, done)).toEqual({ last: done, count: 3 });
});

test("three such boots are enough", async () => {
  expect(await boots(unborn, unborn, unborn)).toEqual({ last: unborn, count: 3 });
});

test("a failure after its init is final", async () => {
  expect(await boots(failure)).toEqual({ last: failure, count: 1 });
});
