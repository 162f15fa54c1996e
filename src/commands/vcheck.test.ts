/** vcheck and vfiles: what two servers have not in common. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDebian } from "../server/packages/debian.fixture.ts";
import { put } from "../unify/trees.fixture.ts";

let top = "";
const tool = (name: string, version: string, content = name) => ({
  ...{ name, version, conffiles: [`/etc/${name}`, `/usr/share/${name}.conf`] },
  files: {
    ...{ [`/usr/bin/${name}`]: content, [`/usr/share/${name}`]: name },
    ...{ [`/etc/${name}`]: content, [`/usr/share/${name}.conf`]: content },
  },
});

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), "vcheck-"));
  makeDebian(join(top, "one"), [tool("same", "1"), tool("gone", "1"), tool("older", "1"), tool("alpha", "3")]);
  makeDebian(join(top, "two"), [tool("same", "1", "sAme"), tool("older", "0"), tool("more", "1"), tool("alpha", "3")]);
  chmodSync(join(top, "two/usr/share/same"), 0o755);
  rmSync(join(top, "two/usr/bin/alpha"));
  put(top, "two/usr/local/bin/mine");
  symlinkSync("mine", join(top, "two/usr/local/bin/link"));
});
afterAll(() => rmSync(top, { recursive: true }));

function call(...words: string[]) {
  const command = [process.execPath, join(import.meta.dir, "../main.ts"), ...words];
  const env = { ...process.env, VSERVER_ROOT: top };
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: top, env, stdout: "pipe", stderr: "pipe" });
  return { status: exitCode, output: stdout.toString(), error: stderr.toString() };
}

test("--diffpkg: only in the reference, only in the other, in another version", () => {
  const output = "- gone\n+ more\n! older\n";
  expect(call("vcheck", "--diffpkg", "one", "two")).toEqual({ status: 0, output, error: "" });
  expect(call("vcheck", "--diffpkgs", "./two", "./two").output).toBe("");
  expect(call("vcheck", "--diffpkg", "--debug", "one", "two").output).toBe(
    "- gone\t1\t-\n+ more\t-\t1\n! older\t1\t0\n",
  );
  expect(JSON.parse(call("vcheck", "--diffpkg", "--json", "one", "two").output)).toContainEqual({
    ...{ sign: "!", name: "older", reference: "1", checked: "0" },
  });
});

test("--verify: files of common packages that differ, configuration aside", () => {
  const { status, output } = call("vcheck", "--verify", "one", "two");
  expect(output.split("\n").sort()).toEqual(
    ["", "..5..... /usr/bin/same", ".M...... /usr/share/same", "missing  /usr/bin/alpha"].sort(),
  );
  expect(status).toBe(0);
});

test("without a thing to do it says so", () => {
  const { status, error } = call("vcheck", "one", "two");
  expect({ status, error }).toEqual({ status: 255, error: "vcheck: Nothing to do !!!; see vcheck --help\n" });
});

test("vfiles lists what is the server's own, and why", () => {
  const own = (...words: string[]) =>
    call("vfiles", ...words)
      .output.split("\n")
      .filter(Boolean);
  const listed = own("one", "two").filter((path) => !path.startsWith("/var/lib/dpkg/"));
  expect(listed.sort()).toEqual([
    ...["/etc/alpha", "/etc/more", "/etc/older", "/etc/same", "/usr/bin/more", "/usr/bin/older"],
    ...[
      "/usr/local/bin/link",
      "/usr/local/bin/mine",
      "/usr/share/alpha.conf",
      "/usr/share/more",
      "/usr/share/more.conf",
    ],
    ...["/usr/share/older", "/usr/share/older.conf", "/usr/share/same.conf"],
  ]);
  expect(own("--ignorelink", "one", "two")).not.toContain("/usr/local/bin/link");
  expect(own("--debug", "one", "two")).toContain("/usr/bin/older\tother package");
  expect(own("--debug", "one", "two")).toContain("/usr/local/bin/mine\tno package");
});
