/** A context lives exactly as long as it has a task or is held: no number is given out twice, none is lost. */
import { beforeAll, expect, test } from "bun:test";
import { operations } from "../../../src/context/abi.ts";
import { positions } from "./directions.ts";
import { type Place, place } from "./places.ts";
import { attackProgram } from "./program.ts";

let root: Place;
let user: Place;
let program: string;
beforeAll(async () => {
  program = attackProgram();
  const field = await positions();
  root = field["root of the main server"].place;
  user = field["a user of the main server"].place;
});

const call = (words: string) => root.run(`${program} call ${words}`);
/** INSPECT until the record is gone. */
const untilGone = (xid: number) =>
  root.run(`until ${program} call ${operations.INSPECT} ${xid} | grep -q ESRCH; do sleep 0.05; done; echo gone`);

test("1,000 processes that ask at once get 1,000 contexts, none twice, and none is left afterwards", async () => {
  expect(await root.run(`${program} crowd 1000`)).toBe("made 1000 different 1000 strayed 0 left 0\n");
});

test("every task counts once: threads, zombies, children, vfork, and exec by a second thread", async () => {
  expect((await user.run(`${program} life`)).trim().split("\n")).toEqual([
    "alone: 1",
    "with a second thread: 2",
    "after its end: 1",
    "with a zombie: 2",
    "after it was waited for: 1",
    "with a child: 2",
    "after it was killed: 1",
    "after vfork: 1",
    "executed by a second thread: 1",
  ]);
});

test("a held context outlives its tasks and keeps its flags; released it is gone", async () => {
  const one = await place("chcontext", "--silent", "--ctx", "4801", "--flag", "private");
  expect(await call(`${operations.HOLD} 4801`)).toStartWith("ok ");
  expect(await call(`${operations.HOLD} 4801`)).toStartWith("ok ");
  await one.end();
  await root.run(`until ${program} call ${operations.INSPECT} 4801 | grep -q 'tasks 0'; do sleep 0.05; done`);
  expect(await call(`${operations.INSPECT} 4801`)).toBe("ok xid 4801 flags 10008 ceiling ffffffffffffffff tasks 0\n");
  expect(await call(`${operations.RELEASE} 4801`)).toStartWith("ok ");
  expect(await call(`${operations.INSPECT} 4801`)).toStartWith("ESRCH ");
  expect(await call(`${operations.RELEASE} 4801`)).toStartWith("ok ");
  expect(await call(`${operations.HOLD} 4801`)).toStartWith("ESRCH ");
});

test("holding and releasing a context with tasks leaves it to its tasks", async () => {
  const one = await place("chcontext", "--silent", "--ctx", "4802");
  await call(`${operations.HOLD} 4802`);
  await call(`${operations.RELEASE} 4802`);
  expect(await call(`${operations.INSPECT} 4802`)).toContain("tasks 1\n");
  await one.end();
  expect(await untilGone(4802)).toBe("gone\n");
});

test("nobody but root of context 0 holds, releases, inspects, or chooses a number", async () => {
  const inside = (await positions())["root in a context"].place;
  for (const at of [user, inside]) {
    for (const name of ["HOLD", "RELEASE", "INSPECT", "ENTER", "CREATE"] as const) {
      expect(await at.run(`${program} call ${operations[name]} 77`)).toStartWith("EPERM ");
    }
  }
});
