/** Who a container image means by its user, by the server's own accounts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beneath } from "../../linux/beneath.ts";
import { identityOf, readCommand, signalNumber } from "./command.ts";

let top = "";
beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), "command-"));
  mkdirSync(join(top, "etc"));
  writeFileSync(join(top, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/srv:/bin/sh\nodd:x:-1:x::\n");
  writeFileSync(join(top, "etc/group"), "root:x:0:\nweb:x:34:\nmail:x:8:web,other\nlog:x:4:web\nwebs:x:9:webmaster\n");
});
afterAll(() => rmSync(top, { recursive: true }));

const identity = (words: string) => beneath(top, (tree) => identityOf("vserver x", tree, words));

test("names and numbers, with and without a group", () => {
  const root = { uid: 0, gid: 0, groups: [0], home: "/root" };
  for (const words of ["", "root", "0", "0:0", "root:root"]) expect([words, identity(words)]).toEqual([words, root]);
  const web = { uid: 33, gid: 34, groups: [34, 8, 4], home: "/srv" };
  for (const words of ["web", "33"]) expect([words, identity(words)]).toEqual([words, web]);
  expect(identity("web:mail")).toEqual({ uid: 33, gid: 8, groups: [8], home: "/srv" });
  expect(identity("1000:50")).toEqual({ uid: 1000, gid: 50, groups: [50], home: "/" });
  expect(identity("1000")).toEqual({ uid: 1000, gid: 0, groups: [0], home: "/" });
});

test("nobody is refused, and so is the number that leaves an id as it is", () => {
  for (const words of ["none", "none:root", "odd", "-1", "4294967295", "99999999999", "web:4294967295", "web:none"]) {
    expect(() => identity(words)).toThrow(`vserver x: cannot become ${words}: no such `);
  }
});

test("signals by name and number", () => {
  expect(["SIGQUIT", "QUIT", "3", "SIGTERM", "0", "65", "SIGNOT", ""].map(signalNumber)).toEqual([
    ...[3, 3, 3, 15],
    ...[undefined, undefined, undefined, undefined],
  ]);
});

test("a command that leads out of the tree is none", () => {
  symlinkSync("/../../../../../../etc/passwd", join(top, "etc/vserver-command.json"));
  // In the tree it leads to the tree's own, which is no JSON.
  expect(() => beneath(top, readCommand)).toThrow("it is no JSON");
  rmSync(join(top, "etc/vserver-command.json"));
  expect(beneath(top, readCommand)).toBeUndefined();
});
