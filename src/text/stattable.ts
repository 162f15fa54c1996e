/** The table of `vserver-stat`: the columns of 2003, byte for byte, as long as contexts have four digits. */

const titles = ["CTX", "PROC", "VSZ", "RSS", "userTIME", "sysTIME", "UPTIME", "NAME", "DESCRIPTION"] as const;

/** Sets rows of cells under the titles, without a final newline; a longer context widens the first column of all. */
export function statTable(rows: readonly (readonly string[])[]): string {
  const contextWidth = Math.max(4, ...rows.map(([context = ""]) => context.length));
  // %-4d %4d %6s %6s %9s %9s %9s %-8s %s
  const line = (cells: readonly string[]) => {
    const [context = "", count = "", virtual = "", resident = "", user = "", system = "", age = "", name = ""] = cells;
    const sizes = [count.padStart(4), virtual.padStart(6), resident.padStart(6)];
    const times = [user, system, age].map((time) => time.padStart(9));
    return [context.padEnd(contextWidth), ...sizes, ...times, name.padEnd(8), cells[8] ?? ""].join(" ");
  };
  return [titles, ...rows].map(line).join("\n");
}
