import { expect, test } from "bun:test";
import { insertContexts, insertedWidth, processRows } from "./pstable.ts";

const labels: Readonly<Record<number, { id: number; name: string }>> = {
  1: { id: 0, name: "MAIN" },
  411: { id: 7, name: "web1" },
  412: { id: 49152, name: "UNKNOWN" },
  413: { id: 7, name: "a-rather-long-name" },
};
const labelOf = (pid: number) => labels[pid] ?? { id: -1, name: "UNKNOWN" };
const insert = (...lines: string[]) =>
  insertContexts(`${lines.join("\n")}\n`, labelOf)
    .split("\n")
    .slice(0, -1);

test("the column has the widths of 2003", () => {
  expect(
    insert(
      "  PID TTY      STAT   TIME COMMAND",
      "    1 ?        S      0:04 init",
      "  411 ?        S      0:00 /usr/sbin/sshd",
    ),
  ).toEqual([
    "  PID CONTEXT        TTY      STAT   TIME COMMAND",
    "    1 0   MAIN       ?        S      0:04 init",
    "  411 7   web1       ?        S      0:00 /usr/sbin/sshd",
  ]);
});

test("ids of five digits and long names widen the whole column; the id stays the second word", () => {
  const lines = insert("  PID CMD", "  412 a", "  413 b c");
  expect(lines).toEqual([
    "  PID CONTEXT                  CMD",
    "  412 49152 UNKNOWN            a",
    "  413 7     a-rather-long-name b c",
  ]);
  expect(lines.slice(1).map((line) => line.trim().split(/\s+/)[1])).toEqual(["49152", "7"]);
  expect(insertedWidth([labelOf(412), labelOf(413)])).toBe("   CONTEXT                ".length - 1);
});

test("PID may stand anywhere and be wider than its title", () => {
  expect(insert("USER         PID %CPU", "root           1  0.0", "root         411  0.1")).toEqual([
    "USER         PID CONTEXT        %CPU",
    "root           1 0   MAIN        0.0",
    "root         411 7   web1        0.1",
  ]);
  expect(insert("      PID   PPID", "        1      0", "4194303     1")[2]).toBe("4194303 -1  UNKNOWN        1");
  expect(insert("COMMAND            PID", "a b c                1")[1]).toBe("a b c                1 0   MAIN");
});

test("a line in which an earlier column has overflowed is still found", () => {
  expect(insert("     VSZ     PID CMD", "123456789012     411 x")[1]).toBe("123456789012     411 7   web1       x");
});

test("PPID and a header without PID are not taken for it", () => {
  expect(insert("   PPID CMD", "      1 init")).toEqual(["   PPID CMD", "      1 init"]);
  expect(insert("   PPID     PID", "    411       1")[1]).toBe("    411       1 0   MAIN");
  expect(insert("    1 grep PID", "  411 x")).toEqual(["    1 grep PID", "  411 x"]);
});

test("a repeated header and empty output", () => {
  expect(insert("  PID CMD", "    1 init", "  PID CMD")[2]).toBe("  PID CONTEXT        CMD");
  expect(insertContexts("", labelOf)).toBe("");
});

test("rows have pid, context and name first, then the columns of ps", () => {
  expect(processRows("  PID TTY          TIME CMD\n  411 ?        00:00:01 sshd: root [priv]\n", labelOf)).toEqual([
    { pid: 411, context: 7, name: "web1", tty: "?", time: "00:00:01", cmd: "sshd: root [priv]" },
  ]);
  expect(processRows("CMD\ninit\n", labelOf)).toBeUndefined();
});
