/** The mark changes one bit of a regular file and nothing else, and who still writes to it is found out. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isGuarded, isMarked, isOpenForWriting, mark, unmark } from "./mark.ts";

const directory = mkdtempSync("/dev/shm/mark-");
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
  test(`mode ${permissions.toString(8)} comes back as it was, and so do contents and times`, () => {
    chmodSync(path, permissions);
    utimesSync(path, 1_000_000, 2_000_000);
    const { mode } = statSync(path);
    for (let times = 0; times < 2; times++) mark(descriptor);
    expect(statSync(path)).toMatchObject({ mode: mode | 0o1000, mtimeMs: 2_000_000_000 });
    expect(isMarked(statSync(path))).toBe(true);
    for (let times = 0; times < 2; times++) unmark(descriptor);
    expect(statSync(path)).toMatchObject({ mode, mtimeMs: 2_000_000_000 });
    expect(isMarked(statSync(path))).toBe(false);
    expect(readFileSync(path, "utf8")).toBe("contents");
  });
}

test("a marked file is guarded while it has a second link", () => {
  mark(descriptor);
  expect(isGuarded(statSync(path))).toBe(false);
  linkSync(path, join(directory, "other"));
  expect(isGuarded(statSync(path))).toBe(true);
  rmSync(join(directory, "other"));
  expect(isGuarded(statSync(path))).toBe(false);
});

test("a directory's sticky bit is no mark, and a directory cannot be marked", () => {
  chmodSync(directory, 0o1777);
  expect(isMarked(statSync(directory))).toBe(false);
  const open = openSync(directory, "r");
  expect(() => mark(open)).toThrow("invalid argument");
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
