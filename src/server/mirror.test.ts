import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aptSources, archiveOf, distribution, parseDeb822, parseOneLine } from "./mirror.ts";

const oneLine = `# deb http://commented.example/debian alpha main
deb http://vendor.example/packages alpha main   # a vendor's, with the same suite and component
deb-src http://archive.example/debian alpha main
deb [ arch=amd64 signed-by=/usr/share/keyrings/archive.gpg ] http://archive.example/debian alpha main contrib
deb http://archive.example/debian-security alpha-security main
deb cdrom:[Disk]/ alpha main
`;

const deb822 = `Types: deb deb-src
URIs: http://archive.example/debian/
# a comment
Suites: alpha
 alpha-updates
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/archive.gpg

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: alpha
Components: main

Types: deb
URIs: http://vendor.example/
Suites: alpha
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
`;

const host = { id: "debian", codename: "alpha" };

test("the one-line syntax is read, comments and source packages left out", () => {
  expect(parseOneLine(oneLine).map((source) => source.uri)).toEqual([
    "http://vendor.example/packages",
    "http://archive.example/debian",
    "http://archive.example/debian-security",
    "cdrom:[Disk]/",
  ]);
  expect(parseOneLine(oneLine)[1]).toEqual({
    uri: "http://archive.example/debian",
    suite: "alpha",
    components: ["main", "contrib"],
    keyring: "/usr/share/keyrings/archive.gpg",
  });
});

test("the deb822 syntax is read, disabled stanzas and keys within the file left out", () => {
  expect(parseDeb822(deb822).map((source) => [source.uri, source.suite, source.keyring])).toEqual([
    ["http://archive.example/debian/", "alpha", "/usr/share/keyrings/archive.gpg"],
    ["http://archive.example/debian/", "alpha-updates", "/usr/share/keyrings/archive.gpg"],
    ["http://vendor.example/", "alpha", undefined],
  ]);
});

test("the distribution's own archive is found among vendors' that have the same suite", () => {
  for (const sources of [parseOneLine(oneLine), parseDeb822(deb822)]) {
    expect(archiveOf(sources, host, "alpha")?.uri).toMatch(/^http:\/\/archive\.example\/debian\/?$/);
    expect(archiveOf(sources, host, "beta")?.uri).toMatch(/^http:\/\/archive\.example\/debian\/?$/);
  }
  expect(archiveOf([], host, "alpha")).toBeUndefined();
  expect(archiveOf(parseOneLine(oneLine), { id: "debian", codename: "gamma" }, "delta")).toBeUndefined();
});

test("apt's files are taken in its order, others in its directory are not", () => {
  const directory = mkdtempSync(join(tmpdir(), "apt-"));
  mkdirSync(join(directory, "sources.list.d"));
  writeFileSync(join(directory, "sources.list"), "deb http://one.example/debian alpha main\n");
  writeFileSync(join(directory, "sources.list.d/b.sources"), deb822);
  writeFileSync(join(directory, "sources.list.d/a.list"), "deb http://two.example/debian alpha main\n");
  writeFileSync(join(directory, "sources.list.d/a.list.save"), "deb http://no.example/debian alpha main\n");
  const uris = aptSources(directory).map((source) => source.uri);
  rmSync(directory, { recursive: true });
  expect(uris.slice(0, 3)).toEqual([
    "http://one.example/debian",
    "http://two.example/debian",
    "http://archive.example/debian/",
  ]);
  expect(uris).not.toContain("http://no.example/debian");
  expect(aptSources("/nonexistent")).toEqual([]);
});

test("a machine without os-release has no distribution", () => {
  expect(distribution("/nonexistent")).toEqual({ id: "", codename: "" });
});
