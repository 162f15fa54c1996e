/** Being parent, child, tracer or member of one group gives no hold on a process that has entered a context. */
import { expect, test } from "bun:test";
import { positions } from "./directions.ts";
import { attackProgram } from "./program.ts";

for (const kind of ["root of the main server", "a user of the main server"] as const) {
  test(`relatives of ${kind}`, async () => {
    const { place } = (await positions())[kind];
    const text = await place.run(`${attackProgram()} scenes`);
    expect(text.trim().split("\n")).toEqual([
      // A context is entered by a whole process that nobody steers, and that steers nobody.
      "enter with a second thread: EBUSY",
      "enter with a polling thread: EBUSY",
      "enter while traced: EPERM",
      "enter while tracing: EPERM",
      "be traced by a parent outside: EPERM",
      "move a child in a context: ESRCH",
      "move a child: ok",
      "give a keyring to the parent: ok",
      "give a keyring to a parent outside: EACCES",
      "32-bit give a keyring to a parent outside: EACCES",
      "die with a parent outside: ok",
      "be spared in a context by calls on a group or user: ok",
      "be spared by calls on a group or user: EINTR",
    ]);
  });
}
