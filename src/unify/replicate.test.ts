/** A replica is equal to its source, shares what may be shared, and nothing else. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attributesOf, setAttribute } from "../linux/xattr.ts";
import { contentRules, PathFilter } from "./paths.ts";
import { Replica } from "./replicate.ts";
import { Root } from "./root.ts";
import { type Nodes, scan } from "./scan.ts";
import { look, marked, put, sameFile } from "./trees.fixture.ts";

let top = "";
const source = (path = "") => join(top, "source", path);
const target = (path = "") => join(top, "target", path);

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "replica-"));
  mkdirSync(source());
  mkdirSync(target());
});
afterEach(() => rmSync(top, { recursive: true }));

async function replicate(marks = true, leavesOut?: (path: string) => boolean) {
  const root = Root.open("source", source());
  const made = openSync(target(), "r");
  const filter = new PathFilter(contentRules({ excluded: [], included: [] }));
  const nodes: Nodes = new Map();
  const enters = (path: string) => filter.enters(path);
  scan(root, { enters, takes: (path) => filter.takes(path), failed: () => {} }, nodes);
  const breathe = async () => {};
  try {
    return await new Replica(root, made, { nodes, marks, breathe, ...(leavesOut ? { leavesOut } : {}) }).make();
  } finally {
    closeSync(made);
    root.close();
  }
}

test("programs are shared and marked; configuration and state are copied with all that belongs to them", async () => {
  put(source(), "usr/bin/tool", { mode: 0o755 });
  put(source(), "usr/bin/su", { mode: 0o4755 });
  put(source(), "etc/conf", { mode: 0o600, uid: 3 });
  put(source(), "var/lib/state", { content: "s".repeat(100_000), mtime: 123_456.789 });
  const file = openSync(source("etc/conf"), "r+");
  setAttribute(file, "user.note", "kept");
  closeSync(file);
  symlinkSync("/nowhere", source("usr/link"));
  Bun.spawnSync(["mkfifo", "-m", "600", source("var/pipe")]);
  const stats = await replicate();
  expect(look(target())).toEqual(look(source()));
  expect(sameFile(source("usr/bin/tool"), target("usr/bin/tool"))).toBe(true);
  expect(marked(source("usr/bin/tool"))).toBe(true);
  for (const path of ["etc/conf", "var/lib/state", "usr/bin/su"])
    expect(sameFile(source(path), target(path))).toBe(false);
  const copy = openSync(target("etc/conf"), "r");
  expect(attributesOf(copy)).toEqual([["user.note", "kept"]]);
  closeSync(copy);
  expect(readlinkSync(target("usr/link"))).toBe("/nowhere");
  expect(lstatSync(target("usr/link")).mtimeMs).toBe(lstatSync(source("usr/link")).mtimeMs);
  expect(lstatSync(target("usr")).mtimeMs).toBe(lstatSync(source("usr")).mtimeMs);
  expect(stats).toEqual({ directories: 6, copied: 3, bytes: 100_016, linked: 1, symlinks: 1, special: 1 });
});

for (const marks of [true, false]) {
  test(`files with two names keep them, shared or copied${marks ? "" : ", without marks"}`, async () => {
    for (const path of ["usr/a", "var/a"]) linkSync(put(source(), path), source(path.replace("/a", "/b")));
    await replicate(marks);
    expect(sameFile(target("usr/a"), source("usr/b"))).toBe(true);
    expect(sameFile(target("usr/a"), target("usr/b"))).toBe(true);
    expect(sameFile(target("var/a"), target("var/b"))).toBe(true);
    expect(sameFile(target("var/a"), source("var/a"))).toBe(false);
    expect(marked(source("usr/a"))).toBe(marks);
  });
}

test("a file that is open for writing is copied, and not marked", async () => {
  const file = openSync(put(source(), "usr/file"), "r+");
  await replicate();
  writeSync(file, "WRITTEN!", 0);
  closeSync(file);
  expect(readFileSync(target("usr/file"), "utf8")).toBe("the same");
  expect(marked(source("usr/file"))).toBe(false);
  expect(lstatSync(source("usr/file")).nlink).toBe(1);
});

test("holes stay holes", async () => {
  const file = put(source(), "var/log/lastlog", { content: "x".repeat(5000) });
  truncateSync(file, 50_000_000);
  await replicate();
  const { size, blocks } = statSync(target("var/log/lastlog"));
  expect(size).toBe(50_000_000);
  expect(blocks * 512).toBeLessThan(100_000);
  expect(readFileSync(target("var/log/lastlog")).equals(readFileSync(file))).toBe(true);
});

test("no devices, no sockets, no files that are left out, and no link is followed", async () => {
  put(top, "outside/file");
  symlinkSync(join(top, "outside"), source("out"));
  put(source(), "var/cache/file");
  Bun.spawnSync(["mknod", source("null"), "c", "1", "3"]);
  const server = Bun.listen({ unix: source("socket"), socket: { data() {} } });
  await replicate(true, (path) => path.startsWith("var/cache/"));
  server.stop();
  expect(lstatSync(target("out")).isSymbolicLink()).toBe(true);
  expect(["null", "socket", "var/cache/file", "var/cache"].map((path) => existsSync(target(path)))).toEqual([
    false,
    false,
    false,
    true,
  ]);
});
