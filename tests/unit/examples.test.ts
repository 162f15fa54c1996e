/** No example stands in the README or a manual that nothing runs. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { byHand, elsewhere, manualExamples, readmeBlocks } from "../examples.ts";
import { root } from "./booted.ts";

const session = "A first session";

test("an example that is run elsewhere has the very words there, and is an example", async () => {
  const all = [
    ...(await manualExamples()).map(({ command }) => command),
    ...readmeBlocks().flatMap(({ lines }) => lines),
  ];
  for (const [command, file] of Object.entries(elsewhere)) {
    expect({ command, all }).toEqual({ command, all: expect.arrayContaining([command]) });
    expect({ file, has: readFileSync(join(root, file), "utf8").includes(command) }).toEqual({ file, has: true });
  }
  for (const command of byHand) expect(all).toContain(command);
});

test("what the README shows is its first session, which tests/machine/examples.test.ts types, or run elsewhere", () => {
  const blocks = readmeBlocks();
  expect(blocks.filter(({ heading }) => heading === session)).toHaveLength(1);
  const others = blocks.filter(({ heading }) => heading !== session).flatMap(({ lines }) => lines);
  expect(others.filter((line) => elsewhere[line] === undefined && !byHand.includes(line))).toEqual([]);
});
