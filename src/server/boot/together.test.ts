import { expect, test } from "bun:test";
import { together } from "./together.ts";

const item = (name: string, rank: number) => ({ name, rank });

test("a rank is done before the next begins, and never more than allowed at once", async () => {
  const log: string[] = [];
  let now = 0;
  let most = 0;
  const items = [item("c", 2), item("a1", 1), item("a2", 1), item("a3", 1)];
  await together(
    items,
    2,
    async ({ name }) => {
      most = Math.max(most, ++now);
      log.push(`+${name}`);
      await Bun.sleep(name === "a1" ? 20 : 5);
      log.push(`-${name}`);
      now--;
    },
    () => {},
  );
  expect(most).toBe(2);
  expect(log.indexOf("+c")).toBe(log.length - 2);
  expect(log.slice(0, 2)).toEqual(["+a1", "+a2"]);
});

test("one that fails is reported and stops no other", async () => {
  const reported: string[] = [];
  const outcomes = await together(
    [item("bad", 1), item("good", 1), item("late", 5)],
    1,
    async ({ name }) => {
      if (name === "bad") throw new Error("no");
      return name;
    },
    ({ item: { name }, result }) => reported.push(`${name} ${result.ok}`),
  );
  expect(reported).toEqual(["bad false", "good true", "late true"]);
  expect(outcomes).toHaveLength(3);
});

test("nothing to do is done", async () => {
  expect(
    await together(
      [],
      4,
      async () => 1,
      () => {},
    ),
  ).toEqual([]);
});
