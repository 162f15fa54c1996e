/** vunify as it is called, on servers made of this machine's own packages and of real rpm packages. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { makeRpm } from "../server/packages/rpm.fixture.ts";
import { look, put, sameFile } from "../unify/trees.fixture.ts";

let top = "";
const tree = (name: string, path = "") => join(top, "vservers", name, path);

function vunify(...words: string[]) {
  const environment = { ...process.env, VSERVER_ROOT: join(top, "vservers"), VSERVER_CONF_DIR: join(top, "conf") };
  const command = [process.execPath, join(import.meta.dir, "../main.ts"), "vunify", ...words];
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { env: environment, stdout: "pipe", stderr: "pipe" });
  return { status: exitCode, output: stdout.toString(), error: stderr.toString() };
}

/** The shell and the packages under it as this machine has them, database included. */
const packages = ["bash", "coreutils"];
function makeDebian(name: string): void {
  const info = "var/lib/dpkg/info";
  mkdirSync(tree(name, info), { recursive: true });
  for (const one of packages) {
    const list = readFileSync(`/${info}/${one}.list`, "utf8").split("\n").filter(Boolean);
    for (const file of list) {
      const real = file.replace(/^\/(bin|sbin|lib)\//, "/usr/$1/");
      if (!lstatSync(real, { throwIfNoEntry: false })?.isFile()) continue;
      mkdirSync(dirname(tree(name, real)), { recursive: true });
      cpSync(real, tree(name, real), { preserveTimestamps: true });
    }
    for (const kind of ["list", "conffiles"]) {
      if (existsSync(`/${info}/${one}.${kind}`))
        cpSync(`/${info}/${one}.${kind}`, tree(name, `${info}/${one}.${kind}`));
    }
  }
  const { stdout } = Bun.spawnSync(["dpkg-query", "--status", ...packages], { stdout: "pipe" });
  writeFileSync(tree(name, "var/lib/dpkg/status"), stdout);
  for (const link of ["bin", "sbin", "lib"]) Bun.spawnSync(["ln", "-s", `usr/${link}`, tree(name, link)]);
}

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), "vunify-"));
  mkdirSync(join(top, "conf"));
  for (const name of ["deb1", "deb2"]) makeDebian(name);
}, 60_000);
afterAll(() => rmSync(top, { recursive: true }));

test("--test changes nothing and says what would be saved, in the words of 2003 for each package", () => {
  const before = look(join(top, "vservers"));
  const { status, output, error } = vunify("--test", "deb1", "deb2", "--", "bash");
  expect({ status, error }).toEqual({ status: 0, error: "" });
  expect(output).toMatch(/^vservers deb2\nUnify pkg bash-\S+ from deb1 to deb2\n/);
  expect(output).toMatch(/\nvserver deb2: \d+ files to be linked, \d.* to save\n/);
  expect(look(join(top, "vservers"))).toEqual(before);
  expect(sameFile(tree("deb1", "usr/bin/bash"), tree("deb2", "usr/bin/bash"))).toBe(false);
});

test("the files of the package that was named are linked, others and configuration are not", () => {
  const before = look(tree("deb2"));
  const { status, output, error } = vunify("--noflags", "deb1", "deb2", "--", "bash");
  expect({ status, error }).toEqual({ status: 0, error: "" });
  expect(output).toMatch(
    /^vserver deb1: 0 files linked, 0 B saved\nvserver deb2: \d+ files linked, .* saved\n.* saved in all\n$/,
  );
  const same = (path: string) => sameFile(tree("deb1", path), tree("deb2", path));
  expect(["usr/bin/bash", "usr/bin/ls", "etc/bash.bashrc"].map(same)).toEqual([true, false, false]);
  expect(look(tree("deb2"))).toEqual(before);
});

test("ALL takes the rest, but not what was changed, nor what --excldir names", () => {
  writeFileSync(tree("deb2", "usr/bin/cat"), "changed");
  const { output } = vunify("--noflags", "--json", "--excldir", "/usr/share", "deb1", "deb2", "--", "ALL");
  const [, counts] = JSON.parse(output).servers;
  expect(counts).toMatchObject({ name: "deb2", busy: 0, changed: 0, refused: 0 });
  expect(counts.linked).toBeGreaterThan(50);
  expect(sameFile(tree("deb1", "usr/bin/ls"), tree("deb2", "usr/bin/ls"))).toBe(true);
  expect(readFileSync(tree("deb2", "usr/bin/cat"), "utf8")).toBe("changed");
  const documented = "usr/share/doc/coreutils/copyright";
  expect(sameFile(tree("deb1", documented), tree("deb2", documented))).toBe(false);
});

test("--undo gives the server its own files again", () => {
  const before = look(tree("deb2"));
  const { status, output } = vunify("--undo", "--noflags", "deb1", "deb2", "--", "coreutils");
  expect(status).toBe(0);
  expect(output).toMatch(/^vserver deb2: \d+ files made private, \d.* used\n$/);
  const same = (path: string) => sameFile(tree("deb1", path), tree("deb2", path));
  expect(["usr/bin/bash", "usr/bin/ls"].map(same)).toEqual([true, false]);
  expect(look(tree("deb2"))).toEqual(before);
});

test("another version is not unified", () => {
  const status = tree("deb2", "var/lib/dpkg/status");
  writeFileSync(status, readFileSync(status, "utf8").replace(/(Package: bash\n(?:.+\n)*?Version: )/, "$19:"));
  expect(vunify("--test", "deb1", "deb2", "--", "bash").output).toContain("bash exist in server deb2 not unified\n");
});

test("rpm packages: equal files of equal versions, no %config", () => {
  const spec = {
    name: "tool",
    version: "1",
    release: "2",
    files: ["/usr/share/tool"],
    configs: ["/usr/share/tool.conf"],
  };
  for (const name of ["rpm1", "rpm2"]) makeRpm({ ...spec, work: join(top, name), server: tree(name) });
  const { status, error } = vunify("--noflags", "rpm1", "rpm2", "--", "tool");
  expect({ status, error }).toEqual({ status: 0, error: "" });
  const same = (path: string) => sameFile(tree("rpm1", path), tree("rpm2", path));
  expect(["usr/share/tool", "usr/share/tool.conf"].map(same)).toEqual([true, false]);
}, 60_000);

test("--content needs no packages and no reference; ALL are the servers with a conf file", () => {
  for (const name of ["a", "b", "c"]) {
    put(tree(name), `usr/${name}`, { content: "shared by content" });
    put(tree(name), "var/lib/state", { content: "the same by chance" });
    if (name !== "c") writeFileSync(join(top, `conf/${name}.conf`), "");
  }
  expect(vunify("--noflags", "--content", "ALL").status).toBe(0);
  expect(sameFile(tree("a", "usr/a"), tree("b", "usr/b"))).toBe(true);
  expect(sameFile(tree("a", "usr/a"), tree("c", "usr/c"))).toBe(false);
  expect(vunify("--noflags", "--content", "--incldir", "/var/lib", "a", "b", "c").status).toBe(0);
  expect(sameFile(tree("a", "usr/a"), tree("c", "usr/c"))).toBe(true);
  expect(sameFile(tree("a", "var/lib/state"), tree("c", "var/lib/state"))).toBe(true);
});

test("--debug names each file, and each package", () => {
  for (const name of ["a", "b"]) put(tree(name), "opt/said", { content: "said by debug" });
  const { output } = vunify("--test", "--noflags", "--debug", "--content", "a", "b");
  expect(output).toContain(`${tree("b", "opt/said")}\n`);
  expect(output).not.toContain(`${tree("a", "opt/said")}\n`);
  expect(vunify("--noflags", "--debug", "deb1", "deb2", "--", "coreutils").output).toMatch(
    /^vservers deb2\nUnify pkg coreutils-\S+ from deb1 to deb2\n(?:\/.*\n)*\S+\/vservers\/deb2\/usr\/bin\/ls\n/,
  );
});

const wrong = [
  [["deb1"], "a REFERENCE and a SERVER are needed"],
  [["deb1", "deb2"], "PACKAGEs or ALL are needed"],
  [["--content"], "which SERVERs"],
  [["--content", "a", "a"], "a is named twice"],
  [["--content", "a", "--", "bash"], "--content takes no packages"],
  [["--noflags", "--content", "nowhere"], "vserver nowhere: cannot open "],
  [["--noflags", "deb1", "deb2", "--", "nosuch"], "vunify: cannot unify nosuch: deb1 has no such package"],
] as const;
for (const [words, complaint] of wrong) {
  test(`vunify ${words.join(" ")} is refused in one line`, () => {
    const { status, output, error } = vunify(...words);
    expect(status).not.toBe(0);
    expect(output).toBe("");
    expect(error).toContain(complaint);
    expect(error.trimEnd().split("\n").length).toBe(1);
  });
}
