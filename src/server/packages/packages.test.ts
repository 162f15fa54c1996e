/** The package databases of servers, real ones: this machine's dpkg, and one that rpm itself has made. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beneath, Tree } from "../../linux/beneath.ts";
import { Root } from "../../unify/root.ts";
import { readDpkg } from "./dpkg.ts";
import { resolveOwned } from "./owned.ts";
import { makeRpm } from "./rpm.fixture.ts";
import { readRpm } from "./rpm.ts";

let top = "";
beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), "packages-"));
});
afterAll(() => rmSync(top, { recursive: true }));

const said = (...command: string[]): string => {
  const { stdout, exitCode } = Bun.spawnSync(command, { stdout: "pipe", stderr: "ignore" });
  expect([command.join(" "), exitCode]).toEqual([command.join(" "), 0]);
  return stdout.toString();
};

test("dpkg: the installed packages are those that dpkg-query names, with their versions", () => {
  const packages = beneath("/", readDpkg);
  const found = [...(packages?.installed.values() ?? [])].map(
    (one) => `${one.name} ${one.architecture} ${one.version}`,
  );
  // biome-ignore lint/suspicious/noTemplateCurlyInString: fields of dpkg-query
  const wanted = said("dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Architecture} ${Version}\n");
  const installed = wanted.split("\n").filter((line) => line.startsWith("installed "));
  expect(found.sort()).toEqual(installed.map((line) => line.slice("installed ".length)).sort());
});

test("dpkg: files are found where they really are, configuration files are known and not among them", () => {
  const owned = beneath("/", (tree) => {
    const packages = readDpkg(tree) ?? { installed: new Map(), configuration: [] };
    return resolveOwned(tree, packages, (key) => /^(coreutils|bash|libc6):/.test(key));
  });
  // /bin/ls to dpkg, in a Debian whose /bin is a link.
  expect(owned.owners.get("usr/bin/ls")).toMatch(/^coreutils:/);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a field of dpkg-query
  const conffiles = said("dpkg-query", "-W", "-f", "${Conffiles}\n", "bash").matchAll(/^ \/(\S+)/gm);
  const names = [...conffiles].map((match) => match[1] ?? "");
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) {
    expect(owned.configuration.has(name)).toBe(true);
    expect(owned.owners.has(name)).toBe(false);
  }
});

test("dpkg: what is removed, half installed or written by a madman owns nothing", () => {
  const info = join(top, "debian/var/lib/dpkg/info");
  mkdirSync(info, { recursive: true });
  const paragraph = (name: string, status: string, more = "") =>
    `Package: ${name}\nStatus: ${status}\nArchitecture: all\nVersion: 1\n${more}\n`;
  const texts = [
    paragraph("good", "install ok installed", "Conffiles:\n /usr/share/good.conf 0123456789abcdef0123456789abcdef\n"),
    paragraph(
      "gone",
      "deinstall ok config-files",
      "Conffiles:\n /usr/gone 0123456789abcdef0123456789abcdef obsolete\n",
    ),
    paragraph("half", "install ok half-installed"),
    paragraph("../../../../etc", "install ok installed"),
    "no fields at all\n",
  ];
  writeFileSync(join(info, "../status"), texts.join("\n"));
  for (const name of ["good", "gone", "half"])
    writeFileSync(join(info, `${name}.list`), `/.\n/usr\n/usr/${name}\n../x\n`);
  const packages = beneath(join(top, "debian"), readDpkg);
  expect([...(packages?.installed.values() ?? [])]).toEqual([
    { name: "good", architecture: "all", version: "1", files: ["/usr", "/usr/good"] },
  ]);
  expect(packages?.configuration).toEqual(["/usr/share/good.conf", "/usr/gone"]);
});

test("a list that leads out of the tree, or round in circles, leads nowhere", () => {
  const tree = join(top, "hostile");
  mkdirSync(join(tree, "usr"), { recursive: true });
  symlinkSync("/etc", join(tree, "usr/out"));
  symlinkSync("loop", join(tree, "usr/loop"));
  const files = ["/usr/out/passwd", "/usr/loop/file", "/../../etc/passwd", "/usr/file"];
  const one = { name: "bad", architecture: "all", version: "1", files };
  const packages = { installed: new Map([["bad:all", one]]), configuration: [] };
  const owned = beneath(tree, (open) => resolveOwned(open, packages, () => true));
  expect([...owned.owners.keys()]).toEqual(["usr/file"]);
});

test("rpm: packages, versions and files come from the tree's database, configuration files apart", async () => {
  const server = join(top, "redhat");
  const work = join(top, "rpmbuild");
  makeRpm({
    work,
    server,
    name: "tool",
    version: "1.2",
    release: "3",
    files: ["/usr/share/tool"],
    configs: ["/usr/conf"],
  });
  const root = Root.open("vserver redhat", server);
  const packages = await readRpm(root.label, new Tree(root.descriptor, server));
  root.close();
  expect(packages).toEqual({
    installed: new Map([
      ["tool:noarch", { name: "tool", architecture: "noarch", version: "1.2-3", files: ["/usr/share/tool"] }],
    ]),
    configuration: ["/usr/conf"],
  });
});

test("rpm: a database that is none is an error that names the server", async () => {
  const server = join(top, "broken");
  mkdirSync(join(server, "var/lib/rpm"), { recursive: true });
  writeFileSync(join(server, "var/lib/rpm/rpmdb.sqlite"), "rubbish".repeat(1000));
  const root = Root.open("vserver broken", server);
  const reading = readRpm(root.label, new Tree(root.descriptor, server));
  expect(reading).rejects.toThrow(/^vserver broken: cannot read its rpm database: /);
  await reading.catch(() => {});
  root.close();
});
