/** A terminal whose session another context leads is not typed into, hung up, taken away, or made to signal. */
import { expect, test } from "bun:test";
import { positions } from "./directions.ts";
import { attackProgram } from "./program.ts";

test("root steers a terminal of its own context", async () => {
  const { place } = (await positions())["root of the main server"];
  const text = await place.run(`${attackProgram()} terminal`);
  expect(text.trim().split("\n")).toEqual([
    "TIOCSTI: ok",
    "32-bit TIOCSTI: ok",
    "TIOCSIG through the master: ok",
    "TIOCSCTTY: ok",
    "vhangup: ok",
    "vhangup: EHANGUP",
    "TIOCVHANGUP: ok",
    "TIOCVHANGUP: EHANGUP",
  ]);
});

for (const kind of ["root of the main server", "root in a context"] as const) {
  test(`root in a context steers no terminal of ${kind}`, async () => {
    const { place } = (await positions())[kind];
    const text = await place.run(`${attackProgram()} terminal foreign`);
    expect(text.trim().split("\n")).toEqual([
      "TIOCSTI: EPERM",
      "32-bit TIOCSTI: EPERM",
      "TIOCSIG through the master: EPERM",
      "TIOCSCTTY: EPERM",
      "vhangup: EPERM",
      "TIOCVHANGUP: EPERM",
    ]);
  });
}
