/** What happens to the tests of a kernel when the test machine dies. */
import { expect, test } from "bun:test";
import { type Boot, bootUntilEnded } from "../boots.ts";

const fine: Boot = { status: 0, death: undefined };
const panic: Boot = { status: 70, death: "Kernel panic" };

/** Boots that end so many of the folders they are given, and what they were given. */
function machine(...script: readonly (readonly [ended: number, boot: Boot])[]) {
  const ended = new Set<string>();
  const given: string[] = [];
  const bootWith = (folders: readonly string[]) => {
    const next = script[given.length];
    given.push(folders.join(" "));
    if (next === undefined) return undefined;
    for (const folder of folders.slice(0, next[0])) ended.add(folder);
    return Promise.resolve(next[1]);
  };
  return { given, run: () => bootUntilEnded(["a", "b", "c"], bootWith, (folder) => ended.has(folder)) };
}

test("one boot is enough when the machine lives, whether tests fail or not", async () => {
  for (const status of [0, 1]) {
    const { run, given } = machine([3, { status, death: undefined }]);
    expect(await run()).toEqual({ status, deaths: [] });
    expect(given).toEqual(["a b c"]);
  }
});

test("a folder that was not even begun does not run again when the machine lived", async () => {
  const { run, given } = machine([2, { status: 1, death: undefined }]);
  expect(await run()).toEqual({ status: 1, deaths: [] });
  expect(given).toEqual(["a b c"]);
});

test("what a dead machine left undone runs in another one, and the death is told with its place", async () => {
  const { run, given } = machine([1, panic], [2, fine]);
  expect(await run()).toEqual({ status: 0, deaths: ["Kernel panic, in b"] });
  expect(given).toEqual(["a b c", "b c"]);
});

test("machines may die in different folders", async () => {
  const { run, given } = machine([0, panic], [1, panic], [2, fine]);
  expect(await run()).toEqual({ status: 0, deaths: ["Kernel panic, in a", "Kernel panic, in b"] });
  expect(given).toEqual(["a b c", "a b c", "b c"]);
});

test("a folder in which two machines die has failed", async () => {
  const { run, given } = machine([1, panic], [0, panic]);
  expect(await run()).toEqual({ status: 70, deaths: ["Kernel panic, in b", "Kernel panic, in b"] });
  expect(given).toEqual(["a b c", "b c"]);
});

test("a machine that dies when everything has ended has failed", async () => {
  const { run } = machine([3, panic]);
  expect(await run()).toEqual({ status: 70, deaths: ["Kernel panic, after the tests"] });
});

test("there may be no time for another boot", async () => {
  const { run } = machine([1, panic]);
  expect(await run()).toEqual({ status: 1, deaths: ["Kernel panic, in b"] });
});
