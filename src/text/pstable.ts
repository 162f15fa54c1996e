/** Reads and widens what `ps` prints: any format that has a PID column. */

/** The context of a process. */
export interface ContextLabel {
  readonly id: number;
  readonly name: string;
}

const title = "CONTEXT";
/** The widths of 2003; wider where an id or a name is longer. */
const least = { id: 3, name: 10 } as const;

interface PidColumn {
  /** Number of columns before it. */
  readonly index: number;
  /** Position behind its last character: the column is set right. */
  readonly end: number;
}

function pidColumn(header: string): PidColumn | undefined {
  const match = /(?<=^|\s)PID(?=\s|$)/.exec(header);
  if (match === null || /(?:^|\s)\d+(?:\s|$)/.test(header)) return undefined;
  return { index: header.slice(0, match.index).split(/\s+/).filter(Boolean).length, end: match.index + 3 };
}

/** The process id of a line and the position behind it; by position, or by counting columns where one has overflowed. */
function pidOf(line: string, column: PidColumn): { readonly pid: number; readonly end: number } | undefined {
  const aligned = /(?:^|\s)(\d+)$/.exec(line.slice(0, column.end));
  if (aligned !== null && /^(?:\s|$)/.test(line.slice(column.end))) return { pid: Number(aligned[1]), end: column.end };
  const counted = new RegExp(`^\\s*(?:\\S+\\s+){${column.index}}(\\d+)(?=\\s|$)`).exec(line);
  return counted === null ? undefined : { pid: Number(counted[1]), end: counted[0].length };
}

/** Widths of the two halves of the new column for these labels. */
function widths(labels: Iterable<ContextLabel>): { id: number; name: number } {
  const found: { id: number; name: number } = { ...least };
  for (const label of labels) {
    found.id = Math.max(found.id, String(label.id).length);
    found.name = Math.max(found.name, label.name.length);
  }
  return found;
}

/** Number of characters {@link insertContexts} adds to a line. */
export function insertedWidth(labels: Iterable<ContextLabel>): number {
  const { id, name } = widths(labels);
  return id + name + 2;
}

/** Puts the column CONTEXT (id and name) right after PID; output without a PID column stays as it is. */
export function insertContexts(output: string, labelOf: (pid: number) => ContextLabel): string {
  const lines = output.split("\n");
  const header = lines[0] ?? "";
  const column = pidColumn(header);
  if (column === undefined) return output;
  const found = lines.map((line) => {
    const process = line === header ? undefined : pidOf(line, column);
    return process === undefined ? undefined : { end: process.end, label: labelOf(process.pid) };
  });
  const width = widths(found.flatMap((one) => (one === undefined ? [] : [one.label])));
  const insert = (line: string, at: number, cell: string) =>
    `${line.slice(0, at)} ${cell.padEnd(width.id + 1 + width.name)}${line.slice(at)}`.trimEnd();
  return lines
    .map((line, at) => {
      if (line === header) return insert(line, column.end, title);
      const one = found[at];
      return one === undefined
        ? line
        : insert(line, one.end, `${String(one.label.id).padEnd(width.id)} ${one.label.name}`);
    })
    .join("\n");
}

/** A line of ps by the names of its columns in small letters, the last one with its blanks. */
export type ProcessRow = Readonly<Record<string, string | number>>;

/**
 * The lines of ps as objects that begin with pid, context and name; undefined when there is no PID column. A column
 * before the last whose values hold blanks cannot be told apart.
 */
export function processRows(output: string, labelOf: (pid: number) => ContextLabel): readonly ProcessRow[] | undefined {
  const [header = "", ...lines] = output.split("\n");
  const column = pidColumn(header);
  if (column === undefined) return undefined;
  const names = header.trim().toLowerCase().split(/\s+/);
  const split = new RegExp(`^\\s*${"(\\S+)\\s+".repeat(names.length - 1)}(.*?)\\s*$`);
  return lines.flatMap((line) => {
    const values = line === header ? null : split.exec(line);
    const pid = Number(values?.[column.index + 1]);
    if (values === null || !Number.isInteger(pid)) return [];
    const label = labelOf(pid);
    const own = { pid, context: label.id, name: label.name };
    const others = names.map((name, at) => [name, values[at + 1] ?? ""] as const).filter(([name]) => !(name in own));
    return [{ ...own, ...Object.fromEntries(others) }];
  });
}
