/** Counts tests from the report of `bun test`; a run that reports nothing has failed. */

export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

export const add = (one: Tally, other: Tally): Tally => ({
  passed: one.passed + other.passed,
  failed: one.failed + other.failed,
});

const nothing: Tally = { passed: 0, failed: 0 };

function count(report: string | undefined): Tally {
  const head = /<testsuites [^>]*>/.exec(report ?? "")?.[0] ?? "";
  const number = (name: string) => Number(new RegExp(` ${name}="([0-9]+)"`).exec(head)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  const passed = number("tests") - failed - number("skipped");
  return passed + failed === 0 ? { passed: 0, failed: 1 } : { passed, failed };
}

/**
 * @param reports the JUnit texts; undefined for one that should have been written and was not.
 * @param status exit status of the run. One that is not 0 counts as a failure even where no test says so: a file that
 *   cannot be loaded, a machine that died.
 */
export function tally(reports: readonly (string | undefined)[], status: number): Tally {
  const { passed, failed } = reports.map(count).reduce(add, nothing);
  return { passed, failed: failed === 0 && (status !== 0 || passed === 0) ? 1 : failed };
}
