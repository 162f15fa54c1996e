/** Lists for people: columns as wide as their widest cell, two blanks between them, no trailing blanks. */

export interface Column {
  readonly title: string;
  /** Numbers are set right. */
  readonly right?: boolean;
}

/** Sets `rows` under the columns' titles, one line each, without a final newline. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, at) => Math.max(column.title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    columns
      .map((column, at) => {
        const cell = cells[at] ?? "";
        return column.right ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0);
      })
      .join("  ")
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)].join("\n");
}
