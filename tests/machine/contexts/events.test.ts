/** No context listens to what the processes of others do, or makes them wait. */
import { expect, test } from "bun:test";
import { attack, worked } from "./attack.ts";
import { positions } from "./directions.ts";

test("root of the main server may", async () => {
  const { place, victim } = (await positions())["root of the main server"];
  const results = await attack(place, "events", victim);
  expect(worked(results)).toEqual([...results.keys()]);
});

for (const kind of ["root in a context", "a user in a context"] as const) {
  test(`${kind} may not`, async () => {
    const { place, victim } = (await positions())[kind];
    expect(worked(await attack(place, "events", victim))).toEqual([]);
  });
}
