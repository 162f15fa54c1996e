/** vbuild as it is called. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { look, put, sameFile } from "../unify/trees.fixture.ts";

let top = "";
beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), "vbuild-"));
  put(top, "ref/usr/bin/tool");
  put(top, "ref/etc/conf");
  put(top, "ref/var/log/messages");
});
afterAll(() => rmSync(top, { recursive: true }));

function vbuild(...words: string[]) {
  const command = [process.execPath, join(import.meta.dir, "../main.ts"), "vbuild", ...words];
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: top, stdout: "pipe", stderr: "pipe" });
  return { status: exitCode, output: stdout.toString(), error: stderr.toString() };
}

test("the new tree is equal, shares programs, and is counted in the words of 2003", () => {
  const { status, output, error } = vbuild("--noflags", "--stats", "ref", "new");
  expect({ status, error }).toEqual({ status: 0, error: "" });
  expect(output).toBe(
    "Directory created : 6\nFiles copied      : 2\nBytes copied      : 16\nFiles linked      : 1\nFiles symlinked   : 0\nSpecial files     : 0\n",
  );
  expect(look(join(top, "new"))).toEqual(look(join(top, "ref")));
  expect(sameFile(join(top, "ref/usr/bin/tool"), join(top, "new/usr/bin/tool"))).toBe(true);
  expect(sameFile(join(top, "ref/etc/conf"), join(top, "new/etc/conf"))).toBe(false);
});

test("--excldir makes directories without their files", () => {
  expect(vbuild("--noflags", "--excldir", "/var/log", "ref", "nologs").status).toBe(0);
  expect(readdirSync(join(top, "nologs/var/log"))).toEqual([]);
});

test("on another file system all is copied, and it says why", () => {
  const away = mkdtempSync("/dev/shm/vbuild-");
  put(top, "fresh/usr/bin/tool");
  const { status, error } = vbuild("--noflags", "fresh", join(away, "new"));
  expect(look(join(away, "new"))).toEqual(look(join(top, "fresh")));
  rmSync(away, { recursive: true });
  expect(status).toBe(0);
  expect(error).toMatch(/^vbuild: 1 file is copied, not shared: it is on another file system, .*\n$/);
});

test("--test makes nothing and tells what would be made, each file with --debug", () => {
  put(top, "many/usr/bin/tool", { content: "x".repeat(100) });
  put(top, "many/usr/bin/setuid", { mode: 0o4755 });
  put(top, "many/var/lib/state");
  linkSync(join(top, "many/var/lib/state"), join(top, "many/var/lib/again"));
  symlinkSync("tool", join(top, "many/usr/bin/link"));
  const before = readdirSync(top);
  const look = (...words: string[]) => vbuild("--noflags", "--json", "--excldir", "/usr/share", ...words);
  const foreseen = look("--test", "many", "copy");
  expect(foreseen).toMatchObject({ status: 0, error: "" });
  expect(readdirSync(top)).toEqual(before);
  const open = openSync(join(top, "many/usr/bin/tool"), "r+");
  expect(JSON.parse(look("--test", "many", "copy").output)).toMatchObject({ linked: 0, copied: 3 });
  closeSync(open);
  const named = vbuild("--noflags", "--test", "--debug", "many", "copy").output;
  expect(named).toContain("linked /usr/bin/tool\n");
  expect(named).toContain("copied /usr/bin/setuid\n");
  expect(named).toContain("Files linked      : 1\n");
  expect(look("many", "copy").output).toBe(foreseen.output);
  expect(JSON.parse(foreseen.output)).toEqual({
    ...{ directories: 5, copied: 2, bytes: 16, linked: 1, symlinks: 1, special: 0 },
  });
  // A file that is linked without a mark is linked no further.
  rmSync(join(top, "copy"), { recursive: true });
  expect(vbuild("--noflags", "--debug", "many", "copy").output.split("\n").sort()).toEqual(
    named
      .split("\n")
      .filter((line) => !line.includes(" :"))
      .sort(),
  );
  expect(vbuild("--test", "ref", "new").error).toContain("exists and is not empty");
});

test("what exists is not touched, and a failure leaves nothing", () => {
  const before = look(join(top, "new"));
  const { status, output, error } = vbuild("--noflags", "ref", "new");
  expect({ status, output }).toEqual({ status: 255, output: "" });
  expect(error).toMatch(/^vbuild \S+: cannot build it: \S+ exists and is not empty; .*\n$/);
  expect(look(join(top, "new"))).toEqual(before);
  expect(vbuild("--noflags", "nowhere", "other").error).toMatch(
    /^vbuild: cannot open \S+nowhere: no such file or directory/,
  );
  expect(existsSync(join(top, "other"))).toBe(false);
  expect(readdirSync(top).filter((name) => name.startsWith("."))).toEqual([]);
});

test("a killed one is taken away by the next", () => {
  mkdirSync(join(top, ".again.building/tree"), { recursive: true });
  put(top, ".again.building/tree/half");
  expect(vbuild("--noflags", "ref", "again").status).toBe(0);
  expect(look(join(top, "again"))).toEqual(look(join(top, "ref")));
  expect(existsSync(join(top, ".again.building"))).toBe(false);
});
