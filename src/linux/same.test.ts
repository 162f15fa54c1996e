import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { using } from "./openat2.ts";
import { Content, sameContent } from "./same.ts";

const top = mkdtempSync(join(tmpdir(), "same-"));
afterAll(() => rmSync(top, { recursive: true }));

const mebibyte = 2 ** 20;
/** More than is kept of a file, and no multiple of what is compared at once. */
const size = 6 * mebibyte + 777;
const bytes = Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7) % 251));
const whole = Buffer.alloc(size, bytes);

/** A file like the others but for one byte. */
function put(name: string, differsAt?: number): string {
  const content = Buffer.from(whole);
  if (differsAt !== undefined) content[differsAt] = 255;
  writeFileSync(join(top, name), content);
  return join(top, name);
}
const open = (path: string) => openSync(path, "r");

test("one byte of difference is found, wherever it is, in whichever order files are compared", () => {
  const source = open(put("source"));
  const content = new Content(source, size);
  const places = [size - 1, 4 * mebibyte, 4 * mebibyte - 1, 5 * mebibyte, 262_144, 262_143, 4096, 0];
  const equal = put("equal");
  expect(using(open(equal), (file) => content.equals(file))).toBe(true);
  for (const at of places) {
    expect([at, using(open(put("other", at)), (file) => content.equals(file))]).toEqual([at, false]);
    expect([at, using(open(equal), (file) => content.equals(file))]).toEqual([at, true]);
  }
  content.forget();
  for (const at of places.toReversed()) {
    expect([at, using(open(put("other", at)), (file) => sameContent(source, file, size))]).toEqual([at, false]);
  }
  closeSync(source);
});

test("what is kept of one file is not taken for another's", () => {
  const [one, other] = [put("one", 10), put("another", 20)];
  for (const [path, twin] of [
    [one, other],
    [other, one],
  ] as const) {
    using(open(path), (file) => {
      const content = new Content(file, size);
      expect(using(open(path), (same) => content.equals(same))).toBe(true);
      expect(using(open(twin), (different) => content.equals(different))).toBe(false);
      content.forget();
    });
  }
});

test("a file that has become shorter is not the same", () => {
  const short = join(top, "short");
  writeFileSync(short, whole.subarray(0, size - 1));
  using(open(put("source")), (source) => {
    expect(using(open(short), (file) => sameContent(source, file, size))).toBe(false);
    expect(using(open(short), (file) => sameContent(file, source, size))).toBe(false);
  });
});

test("the beginning of a file that differs there is at hand", () => {
  using(open(put("source")), (source) => {
    const content = new Content(source, size);
    expect(using(open(put("other", 3)), (file) => content.equals(file))).toBe(false);
    expect(content.beginning?.subarray(0, 5)).toEqual(Buffer.from([0, 7, 14, 255, 28]));
    expect(using(open(put("other", 300_000)), (file) => content.equals(file))).toBe(false);
    expect(content.beginning).toBeUndefined();
    content.forget();
  });
});
