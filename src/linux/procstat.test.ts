import { expect, test } from "bun:test";
import { bootTime, parseStat, processTimes } from "./procstat.ts";

test("the fields are found behind a name that imitates them", () => {
  const text =
    "7 (a) S 1) (b) S 1 7 7 0 -1 4194560 1 2 3 4 11 22 300 400 20 0 1 0 5555 4096000 25 18446744073709551615 1 1\n";
  expect(parseStat(text, 4096)).toEqual({ user: 311, system: 422, start: 5555, virtual: 4096000, resident: 102400 });
});

test("this process has lived shorter than the machine and takes memory", () => {
  const own = processTimes(process.pid);
  expect(own?.start).toBeLessThanOrEqual(bootTime());
  expect(own?.resident).toBeGreaterThan(1 << 20);
  expect(own?.virtual).toBeGreaterThan(own?.resident ?? 0);
});

test("a process that is not there has no times", () => {
  expect(processTimes(2 ** 30)).toBeUndefined();
});
