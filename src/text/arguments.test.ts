import { expect, test } from "bun:test";
import { parseArguments } from "./arguments.ts";
import type { Manual } from "./manual.ts";

const manual: Manual = {
  ...{ name: "tool", section: 1, summary: "", synopsis: [], description: [], exits: [] },
  options: [
    { flag: "-R", about: "" },
    { flag: "-x", about: "" },
    { flag: "-s", value: "SIGNAL", about: "" },
    { flag: "--long", about: "" },
  ],
};
const given = (...line: string[]) => {
  const args = parseArguments(manual, line);
  return [...["-R", "-x", "--long"].filter((flag) => args.has(flag)), ...args.words];
};

test("switches of one letter may stand together", () => {
  expect(given("-Rx", "--long", "a")).toEqual(["-R", "-x", "--long", "a"]);
  expect(given("a", "-xR")).toEqual(["-R", "-x", "a"]);
  expect(given("--", "-Rx")).toEqual(["-Rx"]);
});

for (const word of ["-Rq", "-Rs", "-sR", "-long", "-R1", "-RR9"]) {
  test(`${word} is no such thing`, () => {
    expect(() => given(word, "x")).toThrow(`unknown option ${word}`);
  });
}

test("what belongs to another program goes there whole", () => {
  expect(parseArguments(manual, ["-aux"], { foreignOptions: true }).words).toEqual(["-aux"]);
});
