/** What is wrong with a server's conf or its surroundings is told in one line, at its place, and nothing is begun. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { type Row, refused } from "../refused.ts";
import { type } from "../shell.ts";
import { makeSmall, run } from "../small.ts";

const conf = (name: string, text: string) => writeFileSync(`/etc/vservers/${name}.conf`, text);

beforeAll(async () => {
  await type("vkernel load");
  makeSmall("good", { conf: "IPROOT=eth0:10.0.0.61/24\nS_CONTEXT=461\n" });
  expect(run("vserver", "--silent", "good", "start").status).toBe(0);
  makeSmall("bad");
  conf("treeless", "IPROOT=0.0.0.0\n");
});

afterAll(() => {
  run("vserver", "--silent", "good", "stop");
});

/** A text of a conf file, and the line that tells what is wrong with it. */
type Wrong = readonly [text: string, line: RegExp];

/** Gives each text to a server of its own and has all of them refused at once, for every look at the machine takes a while. */
async function refusedConfs(prefix: string, wrong: readonly Wrong[], ...actions: readonly string[]): Promise<void> {
  const rows = wrong.flatMap(([text, line], at) => {
    const name = `${prefix}${at}`;
    // What every tree has; start would make them.
    for (const directory of ["dev", "proc", "run", "sys"])
      mkdirSync(`/vservers/${name}/${directory}`, { recursive: true });
    conf(name, text);
    return (at === 0 ? ["start", ...actions] : ["start"]).map(
      (action): Row => [`vserver --silent ${name} ${action}`, 1, line],
    );
  });
  await refused(rows, "root");
}

test("a conf file that cannot be read is told with line and column, by every command that needs it", async () => {
  const at = (position: string, more = "") =>
    new RegExp(`^/etc/vservers/text\\d+\\.conf:${position}: cannot .*${more}.*$`);
  await refusedConfs(
    "text",
    [
      ["IPROOT=0.0.0.0\nS_HOSTNAME=`id`\n", at("2:12")],
      ["IPROOT=0.0.0.0\nIPROOT=$(id)\n", at("2:8")],
      ['IPROOT=0.0.0.0\nULIMIT="-u\n', at("2:8")],
      ["IPROOT=0.0.0.0; reboot\n", at("1:\\d+")],
      ["IPROOT=10.0.0.300\n", at("1:8", "10\\.0\\.0\\.300")],
      ["IPROOT=0.0.0.0\nS_CONTEXT=1\n", at("2:11")],
      ["IPROOT=0.0.0.0\nS_FLAGS=lokc\n", at("2:9", "lokc")],
      ["IPROOT=0.0.0.0\nS_CAPS=CAP_NONE_SUCH\n", at("2:8", "CAP_NONE_SUCH")],
      ["IPROOT=0.0.0.0\nMEMORY=lots\n", at("2:8", "lots")],
      ["case $PROFILE in\nprod) IPROOT=0.0.0.0;;\n", at("\\d+:\\d+")],
    ],
    ...["stop", "exec true", "status", "config check"],
  );
});

test("what the machine does not have, or another server has", async () => {
  const line = (words: string) => new RegExp(`^vserver lack\\d+: cannot ${words.replaceAll(".", "\\.")}.*$`);
  await refusedConfs("lack", [
    ["IPROOT=eth7:10.0.0.62/24\n", line("add 10.0.0.62 to eth7: no such device; ")],
    ["IPROOT=eth7.12:10.0.0.62/24\n", line("add 10.0.0.62 to eth7.12: no such device; ")],
    ["IPROOT=10.0.0.62\n", line("use 10.0.0.62: no device of this machine has it; ")],
    ["IPROOT=10.0.0.61\n", line("use 10.0.0.61: the server good has it; ")],
    ["IPROOT=nonesuch.invalid\n", line("tie it to nonesuch.invalid: no host ")],
    ["IPROOT=0.0.0.0\nS_CONTEXT=461\n", /^vserver lack5: cannot make the context 461: .*; the id is in use: .*$/],
    ["IPROOT=10.0.0.1\nNETNS=yes\n", /^vserver lack6: cannot give it 10\.0\.0\.1 .*: the main server has that .*$/],
  ]);
});

test("a table of mounts with a line that is none", async () => {
  const tables = ["\n/srv\n", "\n/srv ../../etc none bind\n"];
  const rows = tables.map((text, at): Row => {
    const name = `table${at}`;
    mkdirSync(`/vservers/${name}`, { recursive: true });
    conf(name, "IPROOT=0.0.0.0\n");
    writeFileSync(`/etc/vservers/${name}.fstab`, text);
    return [`vserver --silent ${name} start`, 1, new RegExp(`^/etc/vservers/${name}\\.fstab:2: cannot .*$`)];
  });
  await refused(rows, "root");
});

test("a server that is not there, or only half", async () => {
  const noTree = /^vserver treeless: cannot use its tree: there is no directory \/vservers\/treeless; .*$/;
  const noConf = /^.*nonesuch.*: cannot .*$/;
  await refused(
    [
      ["vserver --silent treeless start", 1, noTree],
      ["vserver --silent treeless exec true", 1, noTree],
      ["vserver --silent nonesuch start", 5, noConf],
      ["vserver --silent nonesuch stop", 5, noConf],
      ["vserver --silent nonesuch exec true", 5, noConf],
      ["vserver --silent nonesuch enter", 5, noConf],
      ["vserver nonesuch delete --yes", 5, /^vserver nonesuch: cannot delete it: there is no such server; .*$/],
      [
        "vserver nonesuch rename nonesuch-either",
        5,
        /^vserver nonesuch: cannot rename it to nonesuch-either: there is no such server; .*$/,
      ],
      ["vserver nonesuch rename good", 5, /^vserver nonesuch: cannot rename it to good: there is no such server; .*$/],
      ["vserver good rename treeless", 1, /^vserver good: cannot rename it to treeless: good is running; .*$/],
      ["vserver good build", 1, /^vserver good: cannot build it: .*\/vservers\/good exists and is not empty; .*$/],
      ["vserver other build --method clone nonesuch", 1, /^vserver other: cannot clone nonesuch: there is no .*$/],
      ["vserver other build --method tar /nonesuch", 1, /^vserver other: cannot .*\/nonesuch.*$/],
    ],
    "root",
  );
});

test("a user who is not root", async () => {
  const onlyRoot = /^\S.*\b(good|bad)\b.*: cannot .*: (only root may; become|permission denied; be) root$/;
  await refused(
    [
      ["vserver --silent bad start", 1, onlyRoot],
      ["vserver --silent good stop", 1, onlyRoot],
      ["vserver --silent good exec true", 1, onlyRoot],
      ["vserver --silent good suexec root true", 1, onlyRoot],
      ["vserver --silent good enter", 1, onlyRoot],
      ["vserver good rename bad2", 1, onlyRoot],
      ["vserver good delete --yes", 1, onlyRoot],
    ],
    "user",
  );
  expect(run("vserver", "--silent", "good", "running").status).toBe(0);
});
