/** What a part of the bench found: for people a table under a title, for programs the numbers themselves. */
import { type Column, table } from "../src/text/table.ts";

export interface Report {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
  /** What one must know to read the table. */
  readonly notes: readonly string[];
  /** The numbers behind it, in units that their names tell. */
  readonly data: unknown;
}

export const reportText = (report: Report): string =>
  [`${report.title}\n`, table(report.columns, report.rows), "", ...report.notes, ""].join("\n");

/** `1.034` as `+3.4 %`. */
export function change(ratio: number): string {
  const percent = (ratio - 1) * 100;
  return `${percent < 0 ? "-" : "+"}${Math.abs(percent).toFixed(1)} %`;
}
