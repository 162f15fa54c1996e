import { afterEach, beforeEach, expect, test } from "bun:test";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { walkTree } from "./tree.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tree-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function walk(directory: string) {
  const files: [size: number, links: number][] = [];
  const failures: [path: string, cause: string][] = [];
  walkTree(directory, {
    file: (size, links) => files.push([size, links]),
    failed: (path, cause) => failures.push([path, cause]),
  });
  return { files: files.sort(([one], [other]) => one - other), failures };
}

test("regular files in every depth are visited with their size and number of links", () => {
  const path = join(root, ...Array<string>(300).fill("d"));
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "deep"), "12345");
  writeFileSync(join(root, "one"), "1");
  linkSync(join(root, "one"), join(root, "other"));
  expect(walk(root)).toEqual({
    files: [
      [1, 2],
      [1, 2],
      [5, 1],
    ],
    failures: [],
  });
});

test("a size above four gigabytes is whole", () => {
  writeFileSync(join(root, "sparse"), "");
  truncateSync(join(root, "sparse"), 5 * 2 ** 30 + 3);
  expect(walk(root).files).toEqual([[5 * 2 ** 30 + 3, 1]]);
});

test("more entries than one read of the directory returns", () => {
  for (let index = 0; index < 3000; index++) writeFileSync(join(root, `a-rather-long-file-name-${index}`), "x");
  expect(walk(root).files.length).toBe(3000);
});

test("names that are not UTF-8 are visited like others", () => {
  const name = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]);
  mkdirSync(name);
  writeFileSync(Buffer.concat([name, Buffer.from([0x2f, 0xe4])]), "1234");
  expect(walk(root)).toEqual({ files: [[4, 1]], failures: [] });
});

test("symbolic links below the root are not followed, the root itself may be one", () => {
  mkdirSync(join(root, "real"));
  writeFileSync(join(root, "real", "file"), "123");
  mkdirSync(join(root, "tree"));
  symlinkSync(join(root, "real"), join(root, "tree", "link"));
  symlinkSync(join(root, "real", "file"), join(root, "tree", "link-to-file"));
  symlinkSync(join(root, "real"), join(root, "root"));
  expect(walk(join(root, "tree")).files).toEqual([]);
  expect(walk(join(root, "root")).files).toEqual([[3, 1]]);
});

test("other file systems are left out", () => {
  const shared = join("/dev/shm", `tree-test-${process.pid}`);
  writeFileSync(shared, "x".repeat(987654));
  try {
    expect(walk("/dev").files.filter(([size]) => size === 987654)).toEqual([]);
    expect(walk("/dev/shm").files.filter(([size]) => size === 987654).length).toBe(1);
  } finally {
    rmSync(shared);
  }
});

test("what cannot be opened is named with its cause", () => {
  writeFileSync(join(root, "file"), "");
  expect(walk(join(root, "none")).failures).toEqual([[join(root, "none"), "no such file or directory"]]);
  expect(walk(join(root, "file")).failures).toEqual([[join(root, "file"), "not a directory"]]);
});
