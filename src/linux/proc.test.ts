import { expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { SystemCallError } from "./errno.ts";
import { exists, linkTarget, namesIn, readBytes, readText } from "./proc.ts";

test("files are read as the file module reads them, large ones too", () => {
  expect(readText("/proc/self/limits")).toBe(readFileSync("/proc/self/limits", "utf8"));
  expect(
    Buffer.from(readBytes(process.execPath).subarray(0, 1 << 20)).equals(
      readFileSync(process.execPath).subarray(0, 1 << 20),
    ),
  ).toBe(true);
  expect(readBytes("/dev/null")).toHaveLength(0);
});

test("directories and links too", () => {
  expect(namesIn("/usr/bin").sort()).toEqual(readdirSync("/usr/bin").sort());
  expect(linkTarget("/proc/self/cwd")).toBe(readlinkSync("/proc/self/cwd"));
  expect(linkTarget("/etc/passwd")).toBeUndefined();
});

test("what is not there is said", () => {
  expect(exists("/etc/passwd")).toBe(true);
  expect(exists("/nonexistent")).toBe(false);
  expect(() => readText("/nonexistent")).toThrow(SystemCallError);
  expect(() => readText("/nonexistent")).toThrow("open /nonexistent: no such file or directory");
  expect(() => namesIn("/etc/passwd")).toThrow("not a directory");
});
