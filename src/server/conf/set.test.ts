import { expect, test } from "bun:test";
import { setKey } from "./set.ts";

const set = (text: string, ...rest: [Parameters<typeof setKey>[2], string, string?]) => setKey(text, "w.conf", ...rest);

test("the assignment in force is changed, comments and blanks stay", () => {
  expect(set("S_NICE=1\n  S_NICE='5'  # low\nONBOOT=no", "S_NICE", "19")).toBe(
    "S_NICE=1\n  S_NICE=19  # low\nONBOOT=no",
  );
});

test("only the branch of the profile in force is changed", () => {
  const text = "case $PROFILE in\na) IPROOT=1.1.1.1 ;;\nb) IPROOT=2.2.2.2 ;;\nesac\n";
  expect(set(text, "IPROOT", "3.3.3.3", "b")).toBe(text.replace("2.2.2.2", "3.3.3.3"));
  expect(set(text, "IPROOT", "3.3.3.3", "c")).toBe(`IPROOT=3.3.3.3\n${text}`);
});

test("a commented-out line is taken into use where that has the wanted effect", () => {
  expect(set("#S_CONTEXT=2\nONBOOT=no\n", "S_CONTEXT", "9")).toBe("S_CONTEXT=9\nONBOOT=no\n");
  const inQuotes = "S_CAPS='\n#S_NICE=1\n'\n";
  expect(() => set(inQuotes, "S_NICE", "9")).toThrow("w.conf:2:1: cannot set S_CAPS");
});

test("a key that is nowhere is added at the end", () => {
  expect(set("ONBOOT=no", "S_FLAGS", "lock nproc")).toBe('ONBOOT=no\nS_FLAGS="lock nproc"\n');
});

test("a wrong value and a change that would move other keys are refused", () => {
  expect(() => set("S_NICE=1\n", "S_NICE", "99")).toThrow("w.conf:1:8: cannot set S_NICE");
  expect(() => set("S_HOSTNAME=web\nS_DOMAINNAME=$S_HOSTNAME\n", "S_HOSTNAME", "x")).toThrow("depend on it");
});
