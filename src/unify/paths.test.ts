import { expect, test } from "bun:test";
import { contentRules, PathFilter } from "./paths.ts";

const filter = new PathFilter({
  excluded: ["usr/share", "usr/lib/one", "opt"],
  included: ["usr/share/doc", "opt/app/data", "etc/app"],
});

test("what is excluded is left, what is included in it is taken, one after the other and mixed", () => {
  const verdicts = {
    "usr/bin/ls": true,
    "usr/share/file": false,
    "usr/shared": true,
    "usr/share/doc/file": true,
    "usr/share/docs": false,
    "usr/lib/one": false,
    "usr/lib/other": true,
    "usr/lib/one/deep/file": false,
    file: true,
    opt: false,
    "opt/app/data": true,
    "opt/app/date": false,
  };
  for (const [path, taken] of Object.entries(verdicts)) expect([path, filter.takes(path)]).toEqual([path, taken]);
  for (const [path, taken] of Object.entries(verdicts).toReversed())
    expect([path, filter.takes(path)]).toEqual([path, taken]);
});

test("configuration is never taken, whatever is included", () => {
  for (const path of ["etc/passwd", "etc/app/file", "etc"]) expect([path, filter.takes(path)]).toEqual([path, false]);
  for (const path of ["etc", "etc/app"]) expect([path, filter.enters(path)]).toEqual([path, false]);
  expect(filter.takes("etcetera")).toBe(true);
});

test("a directory is entered when anything below may be taken", () => {
  const verdicts = { "": true, usr: true, "usr/share": true, "usr/share/doc": true, "usr/share/man": false };
  for (const [path, entered] of Object.entries({ ...verdicts, opt: true, "opt/app": true, "opt/other": false }))
    expect([path, filter.enters(path)]).toEqual([path, entered]);
});

test("an excluded root leaves nothing but what is included", () => {
  const nothing = new PathFilter({ excluded: [""], included: ["usr/lib"] });
  expect(["file", "usr/bin/ls", "usr/lib/file"].map((path) => nothing.takes(path))).toEqual([false, false, true]);
  expect(["", "usr", "usr/bin"].map((path) => nothing.enters(path))).toEqual([true, true, false]);
});

test("by content, state is left alone", () => {
  const content = new PathFilter(contentRules({ excluded: [], included: [] }));
  expect(["var/lib/x", "home/u/x", "usr/lib/locale/locale-archive"].some((path) => content.takes(path))).toBe(false);
  expect(["usr/lib/locale/C.utf8/LC_CTYPE", "variable", "opt/x"].every((path) => content.takes(path))).toBe(true);
});
