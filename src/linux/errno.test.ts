import { expect, test } from "bun:test";
import { constants } from "node:os";
import { errnoName, errnoNumber, isErrnoName } from "./errno.ts";

test("numbers and names are the system's", () => {
  const known = Object.entries(constants.errno).filter(([name]) => isErrnoName(name));
  expect(known.length).toBeGreaterThan(40);
  for (const [name, number] of known) expect(isErrnoName(name) && errnoNumber(name)).toBe(number);
  expect(errnoName(2)).toBe("ENOENT");
  expect(errnoName(4096)).toBeUndefined();
  expect(isErrnoName("toString")).toBeFalse();
});
