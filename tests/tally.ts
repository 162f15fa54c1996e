/** Counts tests from the report of `bun test`; a run that reports nothing has failed. */

export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

export const add = (one: Tally, other: Tally): Tally => ({
  passed: one.passed + other.passed,
  failed: one.failed + other.failed,
});

/**
 * @param report the JUnit text, if one was written.
 * @param status exit status of the run. One that is not 0 counts as a failure even where no test says so: a file that
 *   cannot be loaded, a machine that died.
 */
export function tally(report: string | undefined, status: number): Tally {
  const head = /<testsuites [^>]*>/.exec(report ?? "")?.[0] ?? "";
  const number = (name: string) => Number(new RegExp(` ${name}="([0-9]+)"`).exec(head)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  const passed = number("tests") - failed - number("skipped");
  const wrong = status !== 0 || passed + failed === 0;
  return { passed, failed: failed === 0 && wrong ? 1 : failed };
}
