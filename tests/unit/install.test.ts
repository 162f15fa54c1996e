/** `make install` and `make uninstall`, below a DESTDIR and a PREFIX of their own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commands, forEverybody } from "../../src/commands/index.ts";
import { version } from "../../src/version.ts";
import { root } from "./booted.ts";

const prefix = "/opt/vserver";
let destination = "";
const installed = (path: string) => join(destination, prefix, path);

function make(target: string): void {
  const words = [
    "make",
    "--no-print-directory",
    "-s",
    "-C",
    root,
    target,
    `DESTDIR=${destination}`,
    `PREFIX=${prefix}`,
  ];
  const { exitCode, stderr } = Bun.spawnSync(words, { stdout: "ignore", stderr: "pipe" });
  expect({ exitCode, said: stderr.toString() }).toEqual({ exitCode: 0, said: "" });
}

beforeAll(() => {
  destination = mkdtempSync(join(tmpdir(), "vserver-install-"));
  make("install");
}, 60_000);
afterAll(() => rmSync(destination, { recursive: true, force: true }));

test("every tool answers under its name, those for everybody in bin too", () => {
  const names = Object.keys(commands);
  const files = [...names.map((name) => `sbin/${name}`), ...forEverybody.map((name) => `bin/${name}`)];
  for (const file of files) {
    const { stdout } = Bun.spawnSync([installed(file), "--version"], { stdout: "pipe" });
    expect(stdout.toString()).toBe(`${file.replace(/^s?bin\//, "")} (vserver) ${version}\n`);
  }
});

test("so do the daemons, and they explain themselves", () => {
  for (const name of ["cowmgr", "rebootmgr"]) {
    const ask = (option: string) => Bun.spawnSync([installed(`sbin/${name}`), option], { stdout: "pipe" });
    expect(ask("--version").stdout.toString()).toBe(`${name} (vserver) ${version}\n`);
    const { exitCode, stdout } = ask("--help");
    expect({ exitCode, text: stdout.toString() }).toEqual({
      exitCode: 0,
      text: expect.stringContaining(`usage: ${name} [`),
    });
  }
});

test("every tool has a man page", () => {
  const pages = readdirSync(installed("share/man"), { recursive: true }).map(String);
  for (const name of [...Object.keys(commands), "cowmgr", "rebootmgr", "vexec", "vserver.conf"]) {
    expect(pages.filter((page) => page.replace(/\.\d$/, "").endsWith(`/${name}`)).length).toBe(1);
  }
});

test("the units start what was installed", () => {
  const units = readdirSync(join(root, "systemd"), { withFileTypes: true }).filter((one) => one.isFile());
  for (const { name: unit } of units) {
    const text = readFileSync(installed(`lib/systemd/system/${unit}`), "utf8");
    const programs = [...text.matchAll(/^Exec\w+=(\S+)/gm)].map((match) => match[1] ?? "");
    expect(text).not.toContain("@PREFIX@");
    for (const program of programs) expect(existsSync(join(destination, program))).toBe(true);
  }
});

test("uninstall leaves nothing", () => {
  make("uninstall");
  expect(readdirSync(destination)).toEqual([]);
}, 60_000);
