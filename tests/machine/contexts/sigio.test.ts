/** No SIGIO and no SIGURG crosses, however the owner of a descriptor was set. */
import { expect, test } from "bun:test";
import { attack, worked } from "./attack.ts";
import { condition, directions, positions } from "./directions.ts";

/** The masks of signals that are pending for the process, and for its second thread. */
const pending = (text: string) => [...text.matchAll(/^S[hi][dg]Pnd:\t(.*)$/gm)].map(([, mask]) => BigInt(`0x${mask}`));
const bit = (signal: number) => 1n << BigInt(signal - 1);

test("within one context each of these ways sends its signal", async () => {
  const { place } = (await positions())["root in a context"];
  const victim = await place.victim();
  const results = await attack(place, "sigio", victim);
  expect(worked(results)).toEqual([...results.keys()]);
  const seen = pending(await condition(await positions(), victim)).reduce((all, mask) => all | mask, 0n);
  const expected = [23, 40, 41, 42, 43, 44, 45, 46, 47, 48].reduce((all, signal) => all | bit(signal), 0n);
  expect(seen & expected).toBe(expected);
});

for (const [from, to] of [...directions, ["context 1", "a user in a context"] as const]) {
  test(`${from} makes the kernel send nothing to ${to}`, async () => {
    const field = await positions();
    const before = await condition(field, field[to].victim);
    await attack(field[from].place, "sigio", field[to].victim);
    expect(await condition(field, field[to].victim)).toBe(before);
  });
}
