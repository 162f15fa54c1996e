/** What a tool refuses it refuses in one line, with its documented status, and nothing has changed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { refused } from "./refused.ts";
import { type } from "./shell.ts";

beforeAll(async () => {
  await type("vkernel load; mkdir -p /etc/vservers; chmod 700 /etc/vservers");
});

const onlyRoot = /^\S.*: cannot .*: (only root may|operation not permitted)(; .*)?$/;

test("a user who is not root", async () => {
  await refused(
    [
      ["chcontext --ctx 5 echo ran", 255, onlyRoot],
      ["chcontext --ctx 1 echo ran", 255, onlyRoot],
      ["chcontext --ctx 0 echo ran", 255, onlyRoot],
      ["chcontext --hostname x echo ran", 255, onlyRoot],
      ["chcontext --domainname x echo ran", 255, onlyRoot],
      ["chcontext --flag fakeinit echo ran", 255, onlyRoot],
      ["vinfo 1", 1, onlyRoot],
      ["vkernel load", 69, onlyRoot],
      ["vkernel unload", 1, onlyRoot],
      ["vkernel check", 1, onlyRoot],
      ["vps ax", 254, onlyRoot],
      ["vpstree", 255, onlyRoot],
      ["vtop", 255, onlyRoot],
      ["vserver-stat", 1, onlyRoot],
      ["vkill 1", 1, onlyRoot],
      ["vkill -c 5", 1, onlyRoot],
      ["vexec nonesuch true", 255, /^vexec: server nonesuch: cannot .*$/],
      ["vserver nonesuch start", 1, /^\S+: cannot .*; be(come)? root$/],
      ["vserver nonesuch build", 1, onlyRoot],
    ],
    "user",
  );
});

test("root, and something that is not there", async () => {
  await refused(
    [
      ["chcontext --silent nonesuch", 255, /^chcontext: cannot execute nonesuch: no such file or directory; .*$/],
      ["chcontext --silent --disconnect nonesuch", 255, /^chcontext: cannot execute nonesuch: no such file .*$/],
      ["chcontext --silent /etc/passwd", 255, /^chcontext: cannot execute \/etc\/passwd: permission denied; .*$/],
      ["chbind --silent --ip 10.0.0.300 true", 255, /^chbind: .*10\.0\.0\.300.*$/],
      ["vinfo 999999", 1, /^vinfo: cannot look at process 999999: no such process; .*$/],
      ["vkill -c 899", 1, /^vkill: cannot signal context 899: it has no process$/],
      ["vkill 999999", 1, /^Process id 999999 not found\.$/],
      ["vexec nonesuch true", 255, /^vexec: server nonesuch: cannot enter: no such file or directory; .*$/],
      ["vserver nonesuch start", 5, /^vserver nonesuch: cannot .*; make the server with .*$/],
      ["vserver ../etc status", 1, /^vserver\b.*\.\.\/etc.*$/],
    ],
    "root",
  );
});

test("from inside a context nobody changes the kernel half or another context", async () => {
  await type("chcontext --silent --ctx 640 --disconnect sleep 600 >/dev/null 2>&1");
  const inside = "chcontext --silent --ctx 640";
  await refused(
    [
      [`${inside} chcontext --ctx 641 echo ran`, 255, onlyRoot],
      [`${inside} chcontext --ctx 0 echo ran`, 255, onlyRoot],
      [`${inside} vkernel unload`, 1, /^vkernel: cannot unload the kernel half: this is not context 0; .*$/],
      [`${inside} vps ax`, 254, onlyRoot],
      [`${inside} vserver-stat`, 1, onlyRoot],
      [`${inside} vkill 1`, 1, /^vkill: cannot enter other contexts: this one is not context 0; .*$/],
    ],
    "root",
  );
  await type("vkill -s KILL -c 640");
});

describe("a kernel half whose call somebody has removed", () => {
  const active = "/run/vserver/bpf/active";
  beforeAll(async () => {
    await type(
      `for xid in $(vserver-stat --json | grep -o '"context": [0-9]*' | grep -o '[0-9]*'); do
         test $xid -lt 2 || vkill -s KILL -c $xid >/dev/null; done; sleep 1
       vkernel load; rm ${active}/call`,
    );
  });
  afterAll(async () => {
    await type("vkernel unload; vkernel load");
  });
  const missing = /^\S+: cannot load the kernel half: .*active has pins, but the call is missing among them; run .*$/;

  test("is not covered by a second one: every tool says so, and what to do", async () => {
    await refused(
      [
        ["chcontext true", 255, missing],
        ["chbind --ip lo true", 255, missing],
        ["reducecap --secure true", 255, missing],
        ["vinfo", 69, missing],
        ["vkernel load", 69, missing],
        ["vps ax", 254, missing],
        ["vpstree", 255, missing],
        ["vtop", 255, missing],
        ["vserver-stat", 1, missing],
        ["vkill 1", 69, missing],
      ],
      "root",
    );
    const status = await type("vkernel status");
    expect(status.output).toStartWith(`loaded:   no, but ${active} has pins left: run vkernel unload\nservers:  `);
    expect(status.status).toBe(3);
  });

  test("is taken away by vkernel unload, unless contexts exist or may exist", async () => {
    const { output } = await type(
      `mv ${active}/contexts ${active}/hidden; vkernel unload; echo $?; mv ${active}/hidden ${active}/contexts
       vkernel unload; echo $?; vkernel load; echo $?; vkernel status | head -1`,
    );
    expect(output).toMatch(
      /^vkernel: cannot unload the kernel half: whether contexts exist is unknown: .*; reboot the machine\n1\n0\n0\nloaded: {3}yes\n$/,
    );
  });

  test("is not loaded for an ordinary user", async () => {
    await type("vkernel unload");
    const unloaded =
      /^\S+: cannot use security contexts: the kernel half is not loaded; let root run vkernel load once$/;
    await refused(
      [
        ["chcontext true", 255, unloaded],
        ["chbind --ip lo true", 255, unloaded],
        ["reducecap --secure true", 255, unloaded],
        ["vinfo", 69, unloaded],
      ],
      "user",
    );
    await type("vkernel load");
  });
});
