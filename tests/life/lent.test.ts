/** A stopped server that is set up for commands alone is taken down with the last of them, whichever that is. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { groupOf, makeNest, makeServer, type Nest, vserver } from "./nest.ts";

const name = `lent-${process.pid}`;
let nest: Nest;
let tree = "";

beforeAll(async () => {
  nest = await makeNest();
  tree = makeServer(nest, name);
}, 20_000);

afterAll(() => {
  nest.run(vserver, "--silent", name, "stop");
  nest.end();
}, 20_000);

/** A command that waits in the server until it is let go; resolves with its exit status. */
async function waiting(mark: string): Promise<{ readonly ended: Promise<number>; go(): void }> {
  const script = `touch /tmp/in-${mark}; until test -e /tmp/go-${mark}; do sleep 0.05; done`;
  const words = nest.words(vserver, "--silent", name, "exec", "sh", "-c", script);
  const child = Bun.spawn(words, { stdio: ["ignore", "ignore", "ignore"] });
  while (!existsSync(join(tree, `tmp/in-${mark}`))) await Bun.sleep(20);
  return { ended: child.exited, go: () => writeFileSync(join(tree, `tmp/go-${mark}`), "") };
}

function expectNothing(): void {
  expect(nest.mounts()).not.toContain(name);
  expect(["", "/.phase"].map((directory) => nest.has(`/run/vserver${directory}/${name}`))).toEqual([false, false]);
  expect(existsSync(groupOf(name))).toBe(false);
}

test("the command it was set up for", async () => {
  const first = await waiting("a");
  const second = await waiting("b");
  second.go();
  expect(await second.ended).toBe(0);
  expect(nest.mounts()).toContain(name);
  first.go();
  expect(await first.ended).toBe(0);
  expectNothing();
}, 30_000);

test("a command that came later; without contexts the first was its process 1, and takes the others along", async () => {
  const first = await waiting("c");
  const second = await waiting("d");
  first.go();
  expect(await first.ended).toBe(0);
  expect(await second.ended).toBe(137);
  expectNothing();
}, 30_000);
