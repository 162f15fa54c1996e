/** Where the kernel has no contexts and nobody said that it may do without, every tool refuses in one line, and does nothing. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { groupOf, makeNest, makeServer, type Nest, vserver } from "./nest.ts";

const name = `required-${process.pid}`;
const tool = (one: string) => join(dirname(vserver), one);
let nest: Nest;

beforeAll(async () => {
  nest = await makeNest();
  makeServer(nest, name);
  // What is not said is required.
  expect(nest.run("sed", "-i", "/^CONTEXTS=/d", "/etc/vserver.conf").status).toBe(0);
}, 20_000);

afterAll(() => {
  nest.end();
}, 20_000);

const missing =
  "cannot load the kernel half: missing bpf among the active security modules (/sys/kernel/security/lsm is not there); mount -t securityfs none /sys/kernel/security; if it stays away the kernel was built without CONFIG_SECURITY\n";

for (const [status, object, ...words] of [
  [255, "chcontext", "chcontext", "echo", "ran"],
  [255, "chcontext", "chcontext", "--ctx", "5", "echo", "ran"],
  [255, "chbind", "chbind", "--ip", "lo", "echo", "ran"],
  [255, "reducecap", "reducecap", "--secure", "echo", "ran"],
  [69, "vinfo", "vinfo"],
  [254, "vps", "vps", "ax"],
  [69, "vkill", "vkill", "1"],
  [1, "vserver-stat", "vserver-stat"],
  [69, "vkernel", "vkernel", "load"],
  [69, `vserver ${name}`, "vserver", "--silent", name, "start"],
  [69, `vserver ${name}`, "vserver", "--silent", name, "exec", "echo", "ran"],
] as const) {
  const [program, ...more] = words;
  test(words.join(" ").replace(name, "NAME"), () => {
    expect(nest.run(tool(program), ...more)).toEqual({ status, out: "", err: `${object}: ${missing}` });
  });
}

test("a server that was not started has left nothing", () => {
  expect(existsSync(groupOf(name))).toBe(false);
  expect(nest.mounts()).not.toContain(name);
  expect(nest.run(vserver, name, "running").status).toBe(1);
});

test("vkernel check says what is missing, and what servers can do: nothing", () => {
  const { status, out, err } = nest.run(tool("vkernel"), "check");
  expect({ status, err }).toEqual({ status: 1, err: "" });
  expect(out).toMatch(/^missing {2}bpf among the active security modules: .*; mount -t securityfs none .*$/m);
  expect(out).toMatch(/^servers {2}cannot start, for the kernel has no contexts; with CONTEXTS=optional in .*$/m);
}, 20_000);
