/** Nice level and processor time of a process number are told: no hook is asked. Exactly these, and nothing is changed. */
import { expect, test } from "bun:test";
import { attack, worked } from "./attack.ts";
import { condition, directions, positions } from "./directions.ts";

for (const [from, to] of directions) {
  test(`${from} is told of ${to}`, async () => {
    const field = await positions();
    const before = await condition(field, field[to].victim);
    const results = await attack(field[from].place, "clocks", field[to].victim);
    expect(worked(results)).toEqual([...results.keys()]);
    expect(await condition(field, field[to].victim)).toBe(before);
  });
}
