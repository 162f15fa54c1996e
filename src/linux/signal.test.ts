import { expect, test } from "bun:test";
import { signalNumber } from "./signal.ts";

test("a signal may be given by number, name or with SIG, in any case", () => {
  expect(["15", "TERM", "SIGTERM", "sigterm", "0", "64"].map(signalNumber)).toEqual([15, 15, 15, 15, 0, 64]);
});

test("anything else is no signal", () => {
  expect(
    ["", "65", "-1", "SIG", "x", "1 0", "TERMX", "015x", "1e1"].filter((text) => signalNumber(text) !== undefined),
  ).toEqual([]);
});
