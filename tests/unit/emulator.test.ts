/** Which end of a test machine is put down to the emulator, and has the rest of the tests run once more. */
import { expect, test } from "bun:test";
import { isEmulatorFault } from "../emulator.ts";

test("a breakpoint that nobody has set, and nothing else, is the emulator's", () => {
  expect(isEmulatorFault("[  365.029672] Oops: int3: 0000 [#1] SMP NOPTI")).toBe(true);
  for (const line of [
    "[  365.163809] Kernel panic - not syncing: Fatal exception in interrupt",
    "[   12.000000] Oops: general protection fault, probably for non-canonical address: 0000 [#1] SMP NOPTI",
    "[   12.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!",
    "(pass) a test that says int3",
  ])
    expect(isEmulatorFault(line)).toBe(false);
});
