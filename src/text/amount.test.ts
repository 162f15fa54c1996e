import { expect, test } from "bun:test";
import { sizeText, timeText } from "./amount.ts";

test("sizes are whole units of 1024 in at most six characters", () => {
  expect([0, 1023, 1024, 161_480_704, 2 ** 40 - 1, 2 ** 40].map(sizeText)).toEqual([
    "0B",
    "1023B",
    "1kB",
    "154MB",
    "1023GB",
    "1TB",
  ]);
});

const hour = 360_000;

test("times fill nine characters, and a zero in front is blank", () => {
  expect(timeText(4108)).toBe("   m41.08");
  expect(timeText(72_533)).toBe(" 12m05.33");
  expect(timeText(3 * hour + 7 * 6000 + 2199)).toBe("  3h07m21");
  expect(timeText(hour - 1)).toBe(" 59m59.99");
});

test("a day has 24 hours", () => {
  expect(timeText(24 * hour - 1)).toBe(" 23h59m59");
  expect(timeText(24 * hour)).toBe("  1d00h00");
  expect(timeText((4 * 24 + 12) * hour)).toBe("  4d12h00");
  expect(timeText((100 * 24 + 23) * hour + 9 * 6000)).toBe("100d23h09");
});
