/** Root of a server tries every way out of it: what works on the main server is refused there, whatever its process 1 is. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { must, run, startGuest, stopGuest } from "../network/guest.ts";

const program = `${import.meta.dir}/escape.py`;
const listener = `main-${process.pid}`;
/** Of the main server's: a process to reach for, and a socket. */
const sleeper = Bun.spawn(["sleep", "1000"], { stdio: ["ignore", "ignore", "ignore"] });
const socket = Bun.spawn(["socat", `ABSTRACT-LISTEN:${listener},fork`, "PIPE"], {
  stdio: ["ignore", "ignore", "ignore"],
});
const servers = { cage: "lock nproc", "cage-init": "lock nproc fakeinit" };

/** A process 1 that does nothing. */
const init = `#!/bin/sh
if [ $$ != 1 ]; then (sleep 0.2; kill -TERM 1) & exit 0; fi
trap "exit 0" TERM
while :; do sleep 1000 & wait $!; done
`;

beforeAll(() => {
  must("vkernel", "load");
  for (const [name, flags] of Object.entries(servers)) {
    for (const path of ["root", "sbin"]) mkdirSync(`/vservers/${name}/${path}`, { recursive: true });
    copyFileSync(program, `/vservers/${name}/root/escape.py`);
    writeFileSync(`/vservers/${name}/sbin/init`, init);
    chmodSync(`/vservers/${name}/sbin/init`, 0o755);
    startGuest(name, ["IPROOT=0.0.0.0", `S_FLAGS="${flags}"`]);
  }
});

afterAll(() => {
  for (const name of Object.keys(servers)) stopGuest(name);
  for (const child of [sleeper, socket]) child.kill();
});

/** The answer to each attempt. */
function answers(...words: string[]): Record<string, string> {
  const lines = must(...words, String(sleeper.pid), listener)
    .trim()
    .split("\n");
  return Object.fromEntries(lines.map((line) => line.split(" = ")));
}

/** Errors that say that the attempt was allowed, and its arguments, which are meant to do no harm, make no sense. */
const allowed: Readonly<Record<string, string>> = {
  "let devices live": "EINVAL",
  "uncover what is hidden": "EINVAL",
  "load a module": "ENOEXEC",
  "unload a module": "ENOENT",
  swap: "ENOENT",
};
/** The names of the attempts that were allowed. */
const worked = (found: Record<string, string>): string[] =>
  Object.entries(found).flatMap(([name, answer]) => (answer === "ok" || answer === allowed[name] ? [name] : []));

test("on the main server all of it works", () => {
  const found = answers("unshare", "--mount", "--propagation", "private", "python3", program);
  expect(Object.keys(found).length).toBeGreaterThan(50);
  expect(
    Object.keys(found)
      .filter((name) => !worked(found).includes(name))
      .map((name) => [name, found[name]]),
  ).toEqual([]);
});

test("in a server none of it does", () => {
  const found = answers("vexec", "cage", "python3", "/root/escape.py");
  expect(Object.keys(found).length).toBeGreaterThan(50);
  expect(worked(found)).toEqual([]);
});

test("in a server with a process 1 of its own none of it does, but that it manages the control groups below its own", () => {
  const found = answers("vexec", "cage-init", "python3", "/root/escape.py");
  expect(worked(found)).toEqual(["limits", "a new one", "processes"].map((one) => `control group: ${one}`));
});

test("a command in a server gets no descriptor of its caller's but 0 to 2", () => {
  const open = "exec 7</ 8</etc/shadow 9>/tmp/ninth";
  for (const way of ["vexec cage", "vserver cage exec", "vserver cage suexec root", "vserver cage-init exec"]) {
    const { status, out } = run("bash", "-c", `${open}; exec ${way} sh -c 'ls /proc/$$/fd'`);
    expect({ way, status, out }).toEqual({ way, status: 0, out: "0\n1\n2\n" });
  }
});

test("nor does any of it in a stopped one: a command there has no PID namespace of its own, whatever the flags say", () => {
  must("vserver", "--silent", "cage-init", "stop");
  expect(worked(answers("vserver", "--silent", "cage-init", "exec", "python3", "/root/escape.py"))).toEqual([]);
});
