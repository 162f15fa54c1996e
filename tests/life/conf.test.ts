/** A conf file that has become wrong keeps no server running. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { groupOf, makeNest, makeServer, type Nest, vserver } from "./nest.ts";

const vkernel = join(dirname(vserver), "vkernel");
const name = `wrong-${process.pid}`;
let nest: Nest;
const wrongConf = () => writeFileSync(join(nest.directory, "conf", `${name}.conf`), "IPROOT=$(id)\n");
const complaint = `/etc/vservers/${name}.conf:1:8: cannot read this: a command substitution is not run in a conf file; write the value itself\n`;

beforeAll(async () => {
  nest = await makeNest();
  makeServer(nest, name);
  expect(nest.run(vserver, "--silent", name, "start")).toEqual({ status: 0, out: "", err: "" });
}, 20_000);

afterAll(() => {
  nest.run(vserver, "--silent", name, "stop");
  nest.end();
}, 20_000);

test("stop tells what is wrong with it, and stops; what it cannot do without the file it refuses", () => {
  wrongConf();
  expect(nest.run(vserver, "--silent", name, "exec", "true")).toEqual({ status: 1, out: "", err: complaint });
  expect(nest.run(vserver, "--silent", name, "stop")).toEqual({ status: 0, out: "", err: complaint });
  expect(nest.mounts()).not.toContain(name);
  expect(existsSync(groupOf(name))).toBe(false);
  expect(nest.run(vserver, "--silent", name, "stop")).toEqual({ status: 1, out: "", err: complaint });
}, 20_000);

test("a server that is not there is no server that does not run", () => {
  const { status, out, err } = nest.run(vserver, "nonesuch", "enter");
  expect({ status, out, lines: err.split("\n").length - 1 }).toEqual({ status: 5, out: "", lines: 1 });
}, 20_000);

test("with CONTEXTS=optional the machine boots: vkernel load says what there is instead of contexts, and is content", () => {
  const { status, out, err } = nest.run(vkernel, "load");
  expect({ status, out }).toEqual({ status: 0, out: "" });
  expect(err).toMatch(
    /^vkernel: nothing is loaded: of the virtual servers only those with the flag fakeinit run, .*\n$/,
  );
  expect(nest.run(vkernel, "status").status).toBe(3);
}, 20_000);
