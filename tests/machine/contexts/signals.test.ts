/** No signal crosses from one context into another, by any call, from anybody. */
import { expect, test } from "bun:test";
import { condition, contextOneDoes, nothingCrosses, positions, processOneGives } from "./directions.ts";

nothingCrosses("signals");
contextOneDoes("signals", []);
/** Group 1 does not exist for kill(): -1 is everybody, which is everybody of the caller's context. */
processOneGives("signals", ["kill of a group", "32-bit kill of a group"]);

test("what was sent within one context has arrived, so a signal that crossed would have been seen", async () => {
  const field = await positions();
  const text = await condition(field, field["root in a context"].victim);
  const winch = (1n << 27n).toString(16).padStart(16, "0");
  expect(text.split(winch).length - 1).toBeGreaterThanOrEqual(3);
});
