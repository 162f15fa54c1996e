/** A descriptor of a process that was passed on, or opened before it entered its context, gives nothing away. */
import { expect, test } from "bun:test";
import { attack, worked } from "./attack.ts";
import { condition, directions, type Kind, positions } from "./directions.ts";

/** The attempts of `from` on descriptors that a process of `owner` sends it over a Unix socket. */
async function received(from: Kind, owner: Kind) {
  const field = await positions();
  const victim = await field[owner].place.victim();
  const before = await condition(field, victim);
  const socket = `/tmp/passed-${Bun.randomUUIDv7()}`;
  const results = attack(field[from].place, "received", victim, socket);
  const order = `until test -S ${socket}; do sleep 0.05; done; chmod 666 ${socket}; echo send ${socket} >${victim.orders}`;
  await Bun.spawn(["sh", "-c", order]).exited;
  return {
    worked: worked(await results),
    all: [...(await results)],
    untouched: before === (await condition(field, victim)),
  };
}

test("passed on within a context they work, so that their refusal elsewhere means something", async () => {
  const { all } = await received("root of the main server", "root of the main server");
  // Older kernels do not know every ioctl, and nobody waits for somebody else's child.
  const failed = all.flatMap(([name, result]) => (result === "ok" || result === "ENOTTY" ? [] : [name]));
  expect(failed.filter((name) => name !== "ioctl for everything")).toEqual(["waitid"]);
});

test("what a process of a user in a context passes to context 1 may be looked at", async () => {
  const result = await received("context 1", "a user in a context");
  expect(result.worked).toEqual(["fstat of the directory", "openat", "openat of the directory", "readlinkat"]);
  expect(result.untouched).toBe(true);
});

for (const [from, owner] of directions) {
  test(`what a process of ${owner} passes to ${from} is of no use there`, async () => {
    const result = await received(from, owner);
    expect(result.worked).toEqual([]);
    expect(result.untouched).toBe(true);
  });
}

for (const kind of ["root of the main server", "a user of the main server"] as const) {
  test(`what ${kind} holds of a process is of no use when it has entered a context`, async () => {
    const field = await positions();
    const { place } = field[kind];
    const victim = await place.victim(1);
    expect(worked(await attack(place, "held", victim, victim.orders))).toEqual([]);
    expect(await condition(field, victim)).toMatch(/^ShdPnd:\t0{16}$/m);
  });
}
