/** Limits that only the kernel half holds, in servers without a security context: said, or refused. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { makeNest, makeServer, type Nest, vserver } from "./nest.ts";

const name = `limited-${process.pid}`;
let nest: Nest;

beforeAll(async () => {
  nest = await makeNest();
  makeServer(nest, name);
  appendFileSync(join(nest.directory, "conf", `${name}.conf`), "FILES=500\nS_NICE=5\n");
}, 20_000);

afterAll(() => {
  nest.run(vserver, "--silent", name, "stop");
  nest.end();
}, 20_000);

const line = (key: string, cause: string) =>
  `vserver ${name}: cannot enforce its limit ${key}: it has no security context (CONTEXTS=optional)${cause}; boot a kernel that vkernel check approves of, or set LIMITS=optional in /etc/vserver.conf\n`;
const files = line("FILES", "");
const nice = line("S_NICE", ", so nothing keeps its I/O priority");

test("with LIMITS=optional a start says each", () => {
  // Whether it then starts is another matter: in a container root may not set RLIMIT_NICE.
  const { err } = nest.run(vserver, "--silent", name, "start");
  expect(err).toContain(nice);
  expect(err).toContain(files);
  nest.run(vserver, "--silent", name, "stop");
}, 20_000);

test("otherwise it is refused", () => {
  nest.run("sed", "-i", "/LIMITS/d", "/etc/vserver.conf");
  const { status, err } = nest.run(vserver, "--silent", name, "start");
  expect({ status, err }).toEqual({ status: 69, err: nice });
}, 20_000);
