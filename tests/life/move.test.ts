/**
 * `vserver` is killed with SIGKILL at each step of a move: the same command again completes it, and the server is then on
 * the other machine once and whole, and here no more. The other machine is a second nest, reached without a network.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { killAt, momentsOf } from "./killer.ts";
import { makeNest, makeServer, type Nest, vserver } from "./nest.ts";

const name = `mover-${process.pid}`;
const text = "the same\n".repeat(10_000);
let here: Nest;
let there: Nest;

/** A file that runs a command in the nest as ssh would; its first word is the host. */
function shellOf(nest: Nest): string {
  const file = join(nest.directory, "shell");
  const tools = `PATH=${dirname(vserver)}:/usr/sbin:/usr/bin:/sbin:/bin`;
  const enter = nest.words("env", tools, "SSH_CONNECTION='192.0.2.1 1 192.0.2.2 22'").join(" ");
  writeFileSync(file, `#!/bin/sh\nshift\nexec ${enter} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

const move = (to: Nest) => [name, "move", "other", "--rsh", join(to.directory, "shell")];
/** What there is of the server, and of a transfer of it. */
const partsOf = (nest: Nest) =>
  ["servers", "conf"]
    .flatMap((path) => readdirSync(join(nest.directory, path)))
    .filter((file) => file.includes(name))
    .sort();
const whole = [name, `${name}.conf`, `${name}.fstab`, `${name}.sh`].sort();

function expectMoved(from: Nest, to: Nest): void {
  expect([partsOf(from), partsOf(to)]).toEqual([[], whole]);
  // Killed between the last file and its directory, that one is left.
  expect(from.run("find", "/var/lib/vserver", "-path", `*${name}*`, "-type", "f")).toMatchObject({ out: "" });
  expect(readFileSync(join(to.directory, "servers", name, "var/data"), "utf8")).toBe(text);
  expect(existsSync(join(to.directory, "servers", name, "sbin/init"))).toBe(true);
}

beforeAll(async () => {
  [here, there] = await Promise.all([makeNest(), makeNest()]);
  for (const [nest, host] of [
    [here, "first"],
    [there, "second"],
  ] as const) {
    expect(nest.run("hostname", host).status).toBe(0);
    shellOf(nest);
  }
  writeFileSync(join(makeServer(here, name), "var/data"), text);
}, 20_000);
afterAll(() => {
  for (const nest of [here, there]) nest.end();
});

test("move, at each step", async () => {
  const quiet = { status: 0, out: "", err: "" };
  const home = () => expect(there.run(vserver, "--silent", ...move(here))).toEqual(quiet);
  expect(here.run(vserver, "--silent", ...move(there))).toEqual(quiet);
  home();
  const moments = await momentsOf(here, ...move(there));
  expect(moments.length).toBeGreaterThan(15);
  home();
  for (const moment of moments) {
    killAt(here, moment, ...move(there));
    const { status, err } = here.run(vserver, "--silent", ...move(there));
    // Killed after all was done it has nothing to move any more.
    const gone = status === 5 && err.includes("there is no ");
    expect({ moment, done: gone || status === 0, err: gone ? "" : err }).toEqual({ moment, done: true, err: "" });
    expectMoved(here, there);
    home();
    expectMoved(there, here);
  }
}, 300_000);
