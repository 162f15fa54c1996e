/** Lists for people: columns as wide as their widest cell, two blanks between them, no trailing blanks. */
import { type Colour, paint } from "./colour.ts";

export interface Column {
  readonly title: string;
  /** Numbers are set right. */
  readonly right?: boolean;
  /** On a terminal. */
  readonly colour?: (cell: string) => Colour | undefined;
}

/** Sets `rows` under the columns' titles, one line each, without a final newline. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, at) => Math.max(column.title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[], colourOf: (column: Column, cell: string) => Colour | undefined) =>
    columns
      .map((column, at) => {
        const cell = cells[at] ?? "";
        const blanks = at === columns.length - 1 && !column.right ? "" : " ".repeat((widths[at] ?? 0) - cell.length);
        const painted = cell === "" ? "" : paint(colourOf(column, cell), cell);
        return column.right ? blanks + painted : painted + blanks;
      })
      .join("  ")
      .trimEnd();
  const titles = columns.map((column) => column.title);
  return [line(titles, () => "bold"), ...rows.map((row) => line(row, (column, cell) => column.colour?.(cell)))].join(
    "\n",
  );
}
