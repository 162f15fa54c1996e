/** What settings of the conf file do to a server that runs, where no other test is about them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const init = `#!/bin/sh
trap "exit 0" TERM
[ $$ = 1 ] || { kill -TERM 1; exit 0; }
while :; do sleep 1000 & wait $!; done
`;

const confs = {
  hidden: 'IPROOT=0.0.0.0\nS_FLAGS="fakeinit"\nHIDEPID=yes\n',
  shown: 'IPROOT=0.0.0.0\nS_FLAGS="fakeinit"\nHIDEPID=no\n',
  settled: 'IPROOT=0.0.0.0\nS_DOMAINNAME=yp.example\nULIMIT="-HS -n 77"\n',
  closed: 'IPROOT=0.0.0.0\nS_FLAGS="private"\n',
} as const;
const names = Object.keys(confs);

const vserver = (...words: string[]) => run("vserver", "--silent", ...words);
const inside = (name: string, script: string) => vserver(name, "exec", "sh", "-c", script);

beforeAll(() => {
  for (const [name, conf] of Object.entries(confs)) {
    makeSmall(name, { conf });
    if (conf.includes("fakeinit")) {
      writeFileSync(`/vservers/${name}/sbin/init`, init);
      chmodSync(`/vservers/${name}/sbin/init`, 0o755);
    }
    expect(vserver(name, "start")).toEqual({ status: 0, out: "", err: "" });
  }
});

afterAll(() => {
  for (const name of names) vserver(name, "stop");
});

test("HIDEPID hides what others run from an ordinary user of the server, and from nobody else", () => {
  const sees = (name: string, user: string) => vserver(name, "suexec", user, "test", "-e", "/proc/1").status === 0;
  expect([sees("hidden", "guest"), sees("hidden", "root"), sees("shown", "guest")]).toEqual([false, true, true]);
});

test("S_DOMAINNAME is the server's NIS domain, and not the main server's", () => {
  const file = "/proc/sys/kernel/domainname";
  expect(inside("settled", `cat ${file}`)).toEqual({ status: 0, out: "yp.example\n", err: "" });
  expect(run("cat", file).out).not.toBe("yp.example\n");
});

test("ULIMIT holds for what is executed in the server, and for its services", () => {
  expect(inside("settled", "ulimit -n; ulimit -Hn").out).toBe("77\n77\n");
  const ofService = inside("settled", 'grep "open files" /proc/$(cat /run/sleeper.pid)/limits').out;
  expect(ofService).toMatch(/^Max open files +77 +77 +files/);
});

test("nobody enters a server with the flag private, and stop ends it", () => {
  const refused = /^vserver closed: cannot [^\n]*private[^\n]*\n$/;
  const entered = inside("closed", "echo inside");
  expect(entered).toEqual({ status: 1, out: "", err: expect.stringMatching(refused) });
  expect(vserver("closed", "stop")).toEqual({ status: 0, out: "", err: "" });
  expect(vserver("closed", "running").status).toBe(1);
});

test("enter on a terminal gives one of the server's own", () => {
  const question = 'echo "at $(readlink /proc/self/fd/0) $(stat -Lc %d /proc/self/fd/0) $(stat -c %d /dev/pts)"; exit';
  // What is typed before the shell is there would be lost.
  const typing = `(sleep 5; echo '${question}'; sleep 5) | script -qec 'vserver settled enter' /dev/null`;
  const { out } = run("sh", "-c", typing);
  const [, terminal, itsDevice, ofServer] = /^at (\S+) (\d+) (\d+)\r?$/m.exec(out) ?? [];
  expect(terminal).toMatch(/^\/dev\/pts\/\d+$/);
  expect(itsDevice).toBe(ofServer as string);
  expect(itsDevice).not.toBe(run("stat", "-c", "%d", "/dev/pts").out.trim());
});
