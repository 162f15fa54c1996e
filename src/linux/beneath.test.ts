import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beneath } from "./beneath.ts";

let top = "";
let tree = "";
const secret = () => join(top, "secret");

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "beneath-"));
  tree = join(top, "tree");
  mkdirSync(join(tree, "etc"), { recursive: true });
  mkdirSync(join(top, "outside"));
  writeFileSync(secret(), "host's");
  writeFileSync(join(top, "outside/file"), "host's");
  writeFileSync(join(tree, "secret"), "server's");
  mkdirSync(join(tree, "outside"));
});
afterEach(() => rmSync(top, { recursive: true }));

/** Links that would leave the tree if they were followed by the process's own root. */
const escapes = ["absolute", "dots", "chain"] as const;
function plantFile(kind: (typeof escapes)[number], at: string, target: "secret" | "outside"): void {
  if (kind === "absolute") symlinkSync(join("/", target), join(tree, at));
  if (kind === "dots") symlinkSync(`../../../../../../../..${join(top, target)}`, join(tree, at));
  if (kind === "chain") {
    symlinkSync("/..", join(tree, "up"));
    symlinkSync(`/up/../${target}`, join(tree, at));
  }
}

for (const kind of escapes) {
  test(`reading through a planted link (${kind}) does not reach the host's file`, () => {
    plantFile(kind, "etc/shadow", "secret");
    const text = beneath(tree, (one) => one.readText("etc/shadow"));
    expect(text).toBe(kind === "dots" ? undefined : "server's");
  });

  test(`writing through a planted link (${kind}) replaces the link`, () => {
    plantFile(kind, "etc/hostname", "secret");
    beneath(tree, (one) => one.write("etc/hostname", "web1\n"));
    expect(lstatSync(join(tree, "etc/hostname")).isFile()).toBe(true);
    expect(readFileSync(secret(), "latin1")).toBe("host's");
  });

  test(`a planted directory (${kind}) keeps every change in the tree`, () => {
    plantFile(kind, "dev", "outside");
    beneath(tree, (one) => {
      for (const change of [
        () => one.write("dev/file", "x"),
        () => one.makeDirectory("dev/made/deep"),
        () => one.link("dev/link", "target"),
        () => one.characterDevice("dev/null", 1, 3, 0o666),
        () => one.chmod("dev/file", 0o777),
        () => one.removeFiles("dev"),
        () => one.empty("dev"),
        () => one.remove("dev/file"),
      ]) {
        try {
          change();
        } catch (thrown) {
          expect(String(thrown)).toMatch(/(no such file or directory|file exists)$/);
        }
      }
    });
    expect(readFileSync(join(top, "outside/file"), "latin1")).toBe("host's");
    expect(statSync(join(top, "outside/file")).mode & 0o777).not.toBe(0o777);
    expect(existsSync(join(top, "outside/made"))).toBe(false);
    expect(existsSync(join(top, "outside/null"))).toBe(false);
  });
}

test("magic links of /proc are not followed", () => {
  symlinkSync("/proc/self/root/etc/passwd", join(tree, "etc/passwd"));
  expect(beneath(tree, (one) => one.exists("etc/passwd"))).toBe(false);
});

test("removing a tree with links in it leaves their targets", () => {
  mkdirSync(join(tree, "a/b"), { recursive: true });
  symlinkSync(join(top, "outside"), join(tree, "a/b/link"));
  writeFileSync(Buffer.concat([Buffer.from(join(tree, "a/")), Buffer.from([0xff, 0xfe])]), "no UTF-8");
  beneath(tree, (one) => one.remove("a"));
  expect(existsSync(join(tree, "a"))).toBe(false);
  expect(existsSync(join(top, "outside/file"))).toBe(true);
});

test("emptying keeps the directory, removing files keeps all directories", () => {
  mkdirSync(join(tree, "var/log/nginx"), { recursive: true });
  writeFileSync(join(tree, "var/log/nginx/access.log"), "");
  symlinkSync("nowhere", join(tree, "var/log/link"));
  beneath(tree, (one) => {
    one.removeFiles("var/log");
    expect(one.list("var/log")).toEqual(["nginx"]);
    expect(one.list("var/log/nginx")).toEqual([]);
    one.empty("var/log");
    expect(one.list("var/log")).toEqual([]);
    one.empty("var/nothing");
    one.remove("var/nothing");
  });
});

test("a written file is a new one: another name of the old file keeps its text", () => {
  linkSync(join(tree, "secret"), join(top, "other-name"));
  beneath(tree, (one) => one.write("secret", "new", 0o600));
  expect(readFileSync(join(top, "other-name"), "latin1")).toBe("server's");
  expect(statSync(join(tree, "secret")).mode & 0o7777).toBe(0o600);
});

test("what a file is, where it points and what is missing is told", () => {
  symlinkSync("../secret", join(tree, "etc/link"));
  beneath(tree, (one) => {
    expect([one.type("etc"), one.type("etc/link"), one.type("/secret"), one.type("x"), one.type("secret/x")]).toEqual([
      "directory",
      "link",
      "file",
      undefined,
      undefined,
    ]);
    expect([one.target("etc/link"), one.target("secret"), one.readText("etc/link")]).toEqual([
      "../secret",
      undefined,
      "server's",
    ]);
    one.characterDevice("null", 1, 3, 0o666);
    expect(one.type("null")).toBe("character");
    expect(() => one.readText("null")).toThrow("it is not a regular file");
    one.link("etc/link", "/elsewhere");
    one.makeDirectory("tmp", 0o1777);
    one.makeDirectory("tmp", 0o1777);
  });
  expect(readlinkSync(join(tree, "etc/link"))).toBe("/elsewhere");
  expect(statSync(join(tree, "tmp")).mode & 0o7777).toBe(0o1777);
  expect(statSync(join(tree, "null")).rdev).toBe(0x103);
});

test("the tree itself and what is above it cannot be written to", () => {
  beneath(tree, (one) => {
    for (const path of ["", "/", "..", "etc/..", "etc/."]) {
      expect(() => one.write(path, "x")).toThrow("it is no name of a file");
      expect(() => one.remove(path)).toThrow("it is no name of a file");
    }
    one.write("../../../escaped", "x");
  });
  expect(existsSync(join(tree, "escaped"))).toBe(true);
});
