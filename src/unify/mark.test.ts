/** The mark is an attribute of a regular file and changes nothing else of it, and who still writes to it is found out. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { unifiedMark } from "../context/abi.ts";
import { setAttribute } from "../linux/xattr.ts";
import { isMarked, isOpenForWriting, mark, ownAttributes, unmark } from "./mark.ts";

const directory = mkdtempSync("/var/tmp/mark-");
const path = join(directory, "file");
let descriptor = -1;

beforeEach(() => {
  if (descriptor >= 0) closeSync(descriptor);
  rmSync(path, { force: true });
  writeFileSync(path, "contents");
  descriptor = openSync(path, "r");
});
afterAll(() => {
  closeSync(descriptor);
  rmSync(directory, { recursive: true });
});

for (const permissions of [0o644, 0o4755, 0o2711, 0o000]) {
  test(`a file of mode ${permissions.toString(8)} keeps mode, contents and times`, () => {
    chmodSync(path, permissions);
    utimesSync(path, 1_000_000, 2_000_000);
    const { mode } = statSync(path);
    for (const change of [mark, mark, unmark, unmark]) {
      change(descriptor);
      expect(isMarked(descriptor)).toBe(change === mark);
      expect(statSync(path)).toMatchObject({ mode, mtimeMs: 2_000_000_000 });
    }
    expect(readFileSync(path, "utf8")).toBe("contents");
  });
}

test("it is a mark whatever its value, and none of the file's own attributes", () => {
  setAttribute(descriptor, "user.own", "x");
  setAttribute(descriptor, unifiedMark, "a long value that means nothing");
  expect(isMarked(descriptor)).toBe(true);
  expect(ownAttributes(descriptor)).toEqual([["user.own", "x"]]);
});

test("a directory cannot be marked", () => {
  const open = openSync(directory, "r");
  for (const change of [mark, unmark]) expect(() => change(open)).toThrow("invalid argument");
  closeSync(open);
});

test("who has it open for writing is found out, until it is closed", () => {
  expect(isOpenForWriting(descriptor)).toBe(false);
  const reader = openSync(path, "r");
  expect(isOpenForWriting(descriptor)).toBe(false);
  const writer = openSync(path, "a");
  expect(isOpenForWriting(descriptor)).toBe(true);
  closeSync(writer);
  expect(isOpenForWriting(descriptor)).toBe(false);
  closeSync(reader);
  closeSync(openSync(path, "r+")); // no lease stays behind that this would wait for
});

test("a shared writable mapping counts when its descriptor is closed", async () => {
  const code = `import mmap,os,sys
fd=os.open(sys.argv[1],os.O_RDWR); m=mmap.mmap(fd,8); os.close(fd); print("mapped",flush=True); sys.stdin.read()`;
  const child = Bun.spawn(["python3", "-c", code, path], { stdin: "pipe", stdout: "pipe" });
  await child.stdout.getReader().read();
  expect(isOpenForWriting(descriptor)).toBe(true);
  child.stdin.end();
  await child.exited;
  expect(isOpenForWriting(descriptor)).toBe(false);
}, 60_000);
