import { expect, test } from "bun:test";
import { parseArguments } from "../text/arguments.ts";
import type { Manual } from "../text/manual.ts";
import { marks, protectionOptions } from "./protection.ts";

const manual: Manual = {
  ...{ name: "tool", section: 8, summary: "", synopsis: [], description: [], exits: [] },
  options: protectionOptions,
};

for (const [line, marked] of [
  ["", true],
  ["--noflags", false],
  ["--noflags --immutable", true],
  ["--noflags --immutable-mayunlink", true],
  ["--noflags --immutable --immutable-mayunlink", true],
  ["--immutable", true],
] as const) {
  test(`shared files are ${marked ? "" : "not "}marked: ${line || "nothing said"}`, () => {
    expect(marks(parseArguments(manual, line.split(" ").filter(Boolean)))).toBe(marked);
  });
}
