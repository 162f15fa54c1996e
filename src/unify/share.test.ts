/** What is shared, what is left alone, and that nobody loses a byte by it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setAttribute } from "../linux/xattr.ts";
import { Held } from "./held.ts";
import { replaceName } from "./replace.ts";
import { type FileNode, Root } from "./root.ts";
import { type Nodes, scan } from "./scan.ts";
import { Source } from "./share.ts";
import { Staging, spareName } from "./staging.ts";
import { look, marked, put, sameFile, unifyTrees, warnings } from "./trees.fixture.ts";
import { makePrivate } from "./undo.ts";

let top = "";
let one = "";
let other = "";
const staging = () => join(top, ".unify");
const unify = () => unifyTrees(staging(), [one, other]);

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "unify-"));
  one = join(top, "one");
  other = join(top, "other");
  for (const tree of [one, other]) mkdirSync(tree);
  warnings.length = 0;
});
afterEach(() => rmSync(top, { recursive: true }));

function nodesOf(...tops: readonly string[]): FileNode[] {
  const nodes: Nodes = new Map();
  const rules = { enters: () => true, takes: () => true, failed: () => {} };
  for (const path of tops) scan(Root.open(path, path), rules, nodes);
  return [...nodes.values()];
}

test("equal files become one, with the mark, and look as before", async () => {
  put(one, "usr/bin/tool", { mode: 0o755, uid: 12, content: "x".repeat(300_000) });
  put(other, "usr/lib/elsewhere", { mode: 0o755, uid: 12, content: "x".repeat(300_000) });
  const before = [look(one), look(other)];
  const { counts } = await unify();
  expect(sameFile(join(one, "usr/bin/tool"), join(other, "usr/lib/elsewhere"))).toBe(true);
  expect(marked(join(one, "usr/bin/tool"))).toBe(true);
  expect([look(one), look(other)]).toEqual(before);
  expect(counts.get(other)).toMatchObject({ linked: 1, freed: 303_104 });
  expect(readdirSync(staging())).toEqual([]);
});

const differences = {
  content: { content: "the some" },
  permissions: { mode: 0o755 },
  owner: { uid: 1 },
  "time of change": { mtime: 1e9 + 1 },
} as const;
for (const [what, difference] of Object.entries(differences)) {
  test(`files of different ${what} stay two`, async () => {
    put(one, "usr/file");
    put(other, "usr/file", difference);
    await unify();
    expect(sameFile(join(one, "usr/file"), join(other, "usr/file"))).toBe(false);
    expect(marked(join(one, "usr/file"))).toBe(false);
  });
}

test("files of different extended attributes stay two, of equal ones become one", async () => {
  for (const [tree, value] of [
    [one, "a"],
    [other, "b"],
  ] as const) {
    for (const [name, content] of [
      ["differs", value],
      ["agrees", "c"],
    ] as const) {
      const file = openSync(put(tree, `usr/${name}`, { content: name }), "r+");
      setAttribute(file, "user.test", content);
      closeSync(file);
    }
  }
  await unify();
  expect(sameFile(join(one, "usr/differs"), join(other, "usr/differs"))).toBe(false);
  expect(sameFile(join(one, "usr/agrees"), join(other, "usr/agrees"))).toBe(true);
});

for (const mode of [0o4755, 0o2755, 0o1644]) {
  test(`files of mode ${mode.toString(8)} stay two, for package managers change them before they remove them`, async () => {
    for (const tree of [one, other]) put(tree, "usr/bin/tool", { mode });
    await unify();
    expect(sameFile(join(one, "usr/bin/tool"), join(other, "usr/bin/tool"))).toBe(false);
    expect(marked(join(one, "usr/bin/tool"))).toBe(false);
  });
}

test("empty files, configuration and state stay as they are", async () => {
  const paths = ["usr/empty", "etc/conf", "var/lib/data", "home/u/file", "usr/lib/locale/locale-archive"];
  for (const tree of [one, other])
    for (const path of paths) put(tree, path, path === "usr/empty" ? { content: "" } : {});
  await unify();
  for (const path of paths) expect([path, sameFile(join(one, path), join(other, path))]).toEqual([path, false]);
});

for (const server of ["one", "other"] as const) {
  test(`a file that is open for writing in ${server} stays private, and what is written goes there alone`, async () => {
    for (const tree of [one, other]) put(tree, "usr/file");
    const file = openSync(join(top, server, "usr/file"), "r+");
    const { counts } = await unify();
    writeSync(file, "WRITTEN!", 0);
    closeSync(file);
    expect(readFileSync(join(top, server, "usr/file"), "utf8")).toBe("WRITTEN!");
    expect(readFileSync(join(top, server === "one" ? "other" : "one", "usr/file"), "utf8")).toBe("the same");
    expect([...counts.values()].reduce((sum, { left }) => sum + left.busy, 0)).toBeGreaterThan(0);
    for (const tree of [one, other]) expect(marked(join(tree, "usr/file"))).toBe(false);
  });
}

test("a file that is mapped for writing stays private, its descriptor closed or not", async () => {
  for (const tree of [one, other]) put(tree, "usr/file");
  const mapped = Bun.mmap(join(other, "usr/file"), { shared: true });
  await unify();
  mapped[0] = "T".charCodeAt(0);
  expect(sameFile(join(one, "usr/file"), join(other, "usr/file"))).toBe(false);
  expect(readFileSync(join(one, "usr/file"), "utf8")).toBe("the same");
});

test("a file with two names in its server keeps them together", async () => {
  for (const tree of [one, other]) linkSync(put(tree, "usr/a"), join(tree, "usr/b"));
  await unify();
  for (const path of ["usr/a", "usr/b"]) expect(sameFile(join(other, path), join(one, "usr/a"))).toBe(true);
  expect(lstatSync(join(one, "usr/a")).nlink).toBe(4);
});

test("a file with a further name in /etc is neither shared nor marked", async () => {
  for (const tree of [one, other]) put(tree, "usr/file");
  mkdirSync(join(one, "etc"));
  linkSync(join(one, "usr/file"), join(one, "etc/file"));
  await unify();
  expect(sameFile(join(one, "usr/file"), join(other, "usr/file"))).toBe(false);
  expect(marked(join(one, "etc/file"))).toBe(false);
});

test("no symbolic link of a server is followed", async () => {
  put(one, "usr/share/file");
  put(top, "outside/share/file");
  symlinkSync("../outside", join(other, "usr"));
  await unify();
  expect(lstatSync(join(top, "outside/share/file")).nlink).toBe(1);
  expect(marked(join(one, "usr/share/file"))).toBe(false);
});

test("a directory that becomes a symbolic link after it was read leads nowhere", () => {
  put(one, "usr/file");
  put(other, "usr/file");
  put(top, "outside/file");
  const [source, target] = nodesOf(one, other);
  if (source === undefined || target === undefined) throw new Error("no files");
  renameSync(join(other, "usr"), join(other, "moved"));
  symlinkSync("../outside", join(other, "usr"));
  const from = new Source(source, true);
  const space = Staging.open(staging(), () => {});
  expect(() => from.replace(target, space)).toThrow("it has just gone");
  from.close();
  space.close();
  expect(lstatSync(join(top, "outside/file")).nlink).toBe(1);
  expect(marked(join(one, "usr/file"))).toBe(false);
});

test("of a directory that is moved while it is open the file is replaced where it is, and nothing elsewhere", () => {
  put(one, "usr/file");
  put(other, "usr/file");
  put(top, "outside/file");
  const [source, target] = nodesOf(one, other);
  const [place] = target?.names ?? [];
  if (source === undefined || target === undefined || place === undefined) throw new Error("no files");
  place.root.directoryOf(place);
  renameSync(join(other, "usr"), join(other, "moved"));
  symlinkSync("../outside", join(other, "usr"));
  const from = new Source(source, true);
  const space = Staging.open(staging(), () => {});
  expect(from.replace(target, space).names).toBe(1);
  from.close();
  space.close();
  expect(sameFile(join(one, "usr/file"), join(other, "moved/file"))).toBe(true);
  expect(lstatSync(join(top, "outside/file")).nlink).toBe(1);
});

test("what replaces a file at the same moment wins, and what was removed stays removed", () => {
  put(one, "usr/file", { content: "old" });
  const younger = put(one, "usr/young", { content: "young" });
  const [node] = nodesOf(one).filter(({ names }) => names[0]?.name === "file");
  const [place] = node?.names ?? [];
  if (node === undefined || place === undefined) throw new Error("no file");
  const space = Staging.open(staging(), (line) => warnings.push(line));
  const ours = lstatSync(put(staging(), "spare", { content: "ours" })).ino;
  const replacement = { staging: space, spare: "spare", replaced: node.status.inode, ours };
  renameSync(younger, join(one, "usr/file"));
  expect(() => replaceName(place, replacement, () => {})).toThrow("it has just been replaced");
  expect(readFileSync(join(one, "usr/file"), "utf8")).toBe("young");
  rmSync(join(one, "usr/file"));
  expect(() => replaceName(place, replacement, () => {})).toThrow("no such file");
  expect(existsSync(join(one, "usr/file"))).toBe(false);
  space.close();
});

test("a writer who comes while the names change places keeps the old file under its name", () => {
  put(one, "usr/file", { content: "old" });
  const [node] = nodesOf(one);
  const [place] = node?.names ?? [];
  if (node === undefined || place === undefined) throw new Error("no file");
  const space = Staging.open(staging(), () => {});
  const ours = lstatSync(put(staging(), "spare", { content: "ours" })).ino;
  const held = Held.open(node);
  const replacement = { staging: space, spare: "spare", replaced: node.status.inode, ours };
  const come = () => {
    // O_NONBLOCK: such a writer is told to wait for the lease instead of waiting; it has come all the same.
    expect(() => openSync(join(staging(), "spare"), 0o4002)).toThrow("EAGAIN");
    held.expectQuiet();
  };
  expect(() => replaceName(place, replacement, come)).toThrow("somebody opened it for writing");
  held.close();
  const file = openSync(join(one, "usr/file"), "r+");
  writeSync(file, "new", 0);
  closeSync(file);
  expect(readFileSync(join(one, "usr/file"), "utf8")).toBe("new");
  space.close();
});

test("what was read of the file that stays counts for nothing once somebody has come to write to it", () => {
  for (const tree of ["one", "other", "third"]) put(join(top, tree), "usr/file", { content: "old" });
  const [source, second, third] = nodesOf(one, other, join(top, "third"));
  if (source === undefined || second === undefined || third === undefined) throw new Error("no files");
  const space = Staging.open(staging(), () => {});
  // Without the mark everybody may write to it.
  const from = new Source(source, false);
  expect(from.replace(second, space)).toEqual({ names: 1, freed: 4096 });
  expect(() => openSync(join(one, "usr/file"), 0o4002)).toThrow("EAGAIN");
  expect(() => from.replace(third, space)).toThrow("somebody opened it for writing");
  from.close();
  space.close();
  expect(lstatSync(join(top, "third/usr/file"))).toMatchObject({ ino: third.status.inode, nlink: 1 });
  expect(lstatSync(join(one, "usr/file")).nlink).toBe(2);
  expect(readdirSync(staging())).toEqual([]);
});

test("another file system is refused, and said so", async () => {
  const away = mkdtempSync("/dev/shm/unify-");
  try {
    put(one, "usr/file");
    const [source] = nodesOf(one);
    put(away, "usr/file");
    const [target] = nodesOf(away);
    if (source === undefined || target === undefined) throw new Error("no files");
    const from = new Source(source, true);
    const space = Staging.open(staging(), () => {});
    expect(() => from.replace(target, space)).toThrow("another file system");
    from.close();
    space.close();
    expect(marked(join(one, "usr/file"))).toBe(false);
    expect(readdirSync(staging())).toEqual([]);
  } finally {
    rmSync(away, { recursive: true });
  }
});

test("undo gives each server its own file back, equal in everything, and takes the mark from the last", async () => {
  for (const tree of [one, other]) linkSync(put(tree, "usr/a", { mode: 0o2755, uid: 7 }), join(tree, "usr/b"));
  const before = [look(one), look(other)];
  await unify();
  const space = Staging.open(staging(), () => {});
  for (const tree of [other, one]) {
    for (const node of nodesOf(tree)) makePrivate(node, node.names, space);
  }
  space.close();
  expect([look(one), look(other)]).toEqual(before);
  expect(sameFile(join(one, "usr/a"), join(other, "usr/a"))).toBe(false);
  for (const tree of [one, other]) {
    expect(sameFile(join(tree, "usr/a"), join(tree, "usr/b"))).toBe(true);
    expect(marked(join(tree, "usr/a"))).toBe(false);
  }
});

test("what a killed run left is removed by the next; a file that has no other name is kept", async () => {
  for (const tree of [one, other]) put(tree, "usr/file");
  mkdirSync(staging());
  const { ino } = lstatSync(join(one, "usr/file"));
  linkSync(join(one, "usr/file"), join(staging(), spareName(ino, 1)));
  put(staging(), "new");
  put(staging(), spareName(1, 2), { content: "somebody's only copy" });
  await unify();
  expect(lstatSync(join(one, "usr/file")).nlink).toBe(2);
  const [kept, ...more] = readdirSync(staging());
  expect(more).toEqual([]);
  expect(readFileSync(join(staging(), kept ?? ""), "utf8")).toBe("somebody's only copy");
  expect(warnings.length).toBe(1);
});

test("two runs at the same time are refused", () => {
  const first = Staging.open(staging(), () => {});
  expect(() => Staging.open(staging(), () => {})).toThrow("another unification is at work there");
  first.close();
});
