/** What `make test` counts as passed and failed. */
import { expect, test } from "bun:test";
import { tally } from "../tally.ts";

const report = (tests: number, failures: number, skipped: number) =>
  `<?xml version="1.0"?>\n<testsuites name="bun test" tests="${tests}" assertions="9" failures="${failures}" skipped="${skipped}" time="1">\n` +
  `<testsuite name="a" tests="1" failures="0" skipped="0"></testsuite></testsuites>`;

test("passed are those that neither failed nor were skipped", () => {
  expect(tally([report(10, 2, 3)], 1)).toEqual({ passed: 5, failed: 2 });
});

test("a run without a report has failed", () => {
  expect(tally([undefined], 0)).toEqual({ passed: 0, failed: 1 });
});

test("a run in which nothing ran has failed", () => {
  expect(tally([report(0, 0, 0)], 0)).toEqual({ passed: 0, failed: 1 });
});

test("a status other than 0 is a failure also when every reported test passed", () => {
  expect(tally([report(4, 0, 0)], 1)).toEqual({ passed: 4, failed: 1 });
});

test("of several reports all are counted, and the missing ones", () => {
  expect(tally([report(4, 0, 0), report(10, 2, 3)], 1)).toEqual({ passed: 9, failed: 2 });
  expect(tally([report(4, 0, 0), undefined], 1)).toEqual({ passed: 4, failed: 1 });
});
