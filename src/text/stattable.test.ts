import { expect, test } from "bun:test";
import { sizeText, timeText } from "./amount.ts";
import { statTable } from "./stattable.ts";

const hundredths = (days: number, hours: number, minutes: number, seconds = 0) =>
  100 * (((days * 24 + hours) * 60 + minutes) * 60 + seconds);

test("the table is that of 2003, byte for byte", () => {
  const root = [sizeText(154 * 2 ** 20), sizeText(9 * 1024), timeText(hundredths(0, 3, 7, 21)), timeText(4108)];
  const web1 = [sizeText(88 * 2 ** 20), sizeText(4 * 1024), timeText(72_533), timeText(4108)];
  const rows = [
    ["0", "61", ...root, timeText(hundredths(4, 11, 9)), "root server", ""],
    ["7", "14", ...web1, timeText(hundredths(0, 3, 7, 21)), "web1", "Customer web"],
  ];
  expect(statTable(rows).split("\n")).toEqual([
    "CTX  PROC    VSZ    RSS  userTIME   sysTIME    UPTIME NAME     DESCRIPTION",
    "0      61  154MB    9kB   3h07m21    m41.08   4d11h09 root server ",
    "7      14   88MB    4kB  12m05.33    m41.08   3h07m21 web1     Customer web",
  ]);
});

test("a context of five digits moves every line, so that the columns stay columns", () => {
  const cells = ["1", "1MB", "1kB", "m00.01", "m00.01", "m00.01", "x", ""];
  const lines = statTable([
    ["0", ...cells],
    ["49152", ...cells],
  ]).split("\n");
  expect(lines[1]?.indexOf("1MB")).toBe(lines[2]?.indexOf("1MB"));
});
