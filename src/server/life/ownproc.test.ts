import { expect, test } from "bun:test";
import { processorParagraphs, usableProcessors } from "./ownproc.ts";

test("a server may use the processors of its set, as many as its share of time is worth, and one at least", () => {
  expect(usableProcessors("0-3,6", "max 100000")).toEqual([0, 1, 2, 3, 6]);
  expect(usableProcessors("0-3,6", "150000 100000")).toEqual([0, 1]);
  expect(usableProcessors("2,5", "200000 100000")).toEqual([2, 5]);
  expect(usableProcessors("2", "900000 100000")).toEqual([2]);
  expect(usableProcessors("4-7", "10000 100000")).toEqual([4]);
});

test("they are numbered from 0, and everything else is said of each as the machine says it", () => {
  const machine = [0, 1, 2, 11].map((at) => `processor\t: ${at}\nmodel name\t: Model ${at}\ncore id\t\t: ${at}\n`);
  expect(processorParagraphs(`${machine.join("\n")}\n`, [1, 11])).toBe(
    "processor\t: 0\nmodel name\t: Model 1\ncore id\t\t: 1\n\nprocessor\t: 1\nmodel name\t: Model 11\ncore id\t\t: 11\n\n",
  );
});
