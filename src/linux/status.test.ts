import { expect, test } from "bun:test";
import { ownCapabilities, parseCapabilities } from "./status.ts";

test("the four sets are read, bits above 31 too", () => {
  const status =
    "CapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\nCapBnd:\t00000000800425fb\n";
  expect(parseCapabilities(status)).toEqual({
    inheritable: 1n,
    permitted: 0x1ffffffffffn,
    effective: 0n,
    bounding: 0x800425fbn,
  });
});

test("what is effective is permitted", () => {
  const own = ownCapabilities();
  expect(own.effective & ~own.permitted).toBe(0n);
  expect(own.permitted & ~own.bounding).toBe(0n);
});
