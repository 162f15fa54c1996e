/** Who attacks whom: a place of every kind, and a victim in each. Taken once for all files of this folder. */
import { expect, test } from "bun:test";
import "../shell.ts";
import { attack, type Topic, worked } from "./attack.ts";
import { type Place, place, type Victim } from "./places.ts";
import { attackProgram } from "./program.ts";

const asUser = ["setpriv", "--reuid", "user", "--regid", "user", "--init-groups"];
const fresh = ["chcontext", "--silent"];

const kinds = {
  "root of the main server": [],
  "a user of the main server": asUser,
  "root in a context": fresh,
  "a user in a context": [...asUser, ...fresh],
  "the user in another context": [...asUser, ...fresh],
  "context 1": [...fresh, "--ctx", "1"],
} as const;
export type Kind = keyof typeof kinds;

/** Attackers and victims of different contexts; users attack their own processes, or a check of users would come first. */
export const directions: readonly (readonly [from: Kind, to: Kind])[] = [
  ["root of the main server", "root in a context"],
  ["root of the main server", "a user in a context"],
  ["root of the main server", "context 1"],
  ["a user of the main server", "a user in a context"],
  ["root in a context", "root of the main server"],
  ["root in a context", "a user in a context"],
  ["root in a context", "context 1"],
  ["a user in a context", "a user of the main server"],
  ["a user in a context", "the user in another context"],
];

export interface Standing {
  readonly place: Place;
  readonly victim: Victim;
}

export type Field = Readonly<Record<Kind, Standing>>;

async function stand(kind: Kind): Promise<readonly [Kind, Standing]> {
  const one = await place(...kinds[kind]);
  return [kind, { place: one, victim: await one.victim() }];
}

async function takePositions(): Promise<Field> {
  Bun.spawnSync(["vkernel", "load"]);
  return Object.fromEntries(await Promise.all((Object.keys(kinds) as Kind[]).map(stand))) as Record<Kind, Standing>;
}

const shared = globalThis as { field?: Promise<Field> | undefined };

/** Every place open, a victim in each. */
export function positions(): Promise<Field> {
  shared.field ??= takePositions();
  return shared.field;
}

/** Ends all of them: for a test that needs a kernel half without contexts. */
export async function leavePositions(): Promise<void> {
  const field = await shared.field;
  shared.field = undefined;
  await Promise.all(Object.values(field ?? {}).map(({ place }) => place.end()));
}

/** What an attack could have changed of a process, as context 1 sees it. */
export async function condition(field: Field, { pid, tid }: Victim): Promise<string> {
  const text = await field["context 1"].place.run(`${attackProgram()} condition ${pid} ${tid}`);
  if (!text.includes("Max core file size")) throw new Error(`process ${pid} cannot be looked at: ${text}`);
  return text;
}

/** Tests that within a context everything of a topic works, and across contexts nothing does or leaves a trace. */
export function nothingCrosses(topic: Topic): void {
  test(`${topic}: within one context every attempt works`, async () => {
    const { place, victim } = (await positions())["root in a context"];
    const results = await attack(place, topic, victim);
    expect([...results].filter(([, result]) => result !== "ok")).toEqual([]);
  });

  for (const [from, to] of directions) {
    test(`${topic}: ${from} reaches nothing of ${to}`, async () => {
      const field = await positions();
      const { victim } = field[to];
      const before = await condition(field, victim);
      expect(worked(await attack(field[from].place, topic, victim))).toEqual([]);
      expect(await condition(field, victim)).toBe(before);
    });
  }
}

/** Tests what context 1 may do with a process of another context, and that it leaves no trace. */
export function contextOneDoes(topic: Topic, expected: readonly string[]): void {
  for (const to of ["root of the main server", "a user in a context"] as const) {
    test(`${topic}: context 1 may only look at ${to}`, async () => {
      const field = await positions();
      const before = await condition(field, field[to].victim);
      expect(worked(await attack(field["context 1"].place, topic, field[to].victim)).sort()).toEqual(
        [...expected].sort(),
      );
      expect(await condition(field, field[to].victim)).toBe(before);
    });
  }
}

/** Tests what everybody outside context 0 may do with process 1. */
export function processOneGives(topic: Topic, expected: readonly string[]): void {
  for (const from of ["root in a context", "a user in a context"] as const) {
    test(`${topic}: process 1 gives ${from} no more than ps needs`, async () => {
      const field = await positions();
      const one = { pid: 1, tid: 1, orders: "" };
      const before = await condition(field, one);
      const allowed = worked(await attack(field[from].place, topic, one));
      expect(allowed.filter((name) => !expected.includes(name))).toEqual([]);
      if (from === "root in a context") expect(allowed.sort()).toEqual([...expected].sort());
      expect(await condition(field, one)).toBe(before);
    });
  }
}
