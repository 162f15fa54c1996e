/** Servers out of rpm packages: what rpm itself approves of, with scripts that have no power over the machine. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeNest, type Nest, vserver } from "../life/nest.ts";
import { escapePackage, hostilePackage, machinesPowers, powersOf } from "./hostile.ts";
import { makeDistribution, makePackage, makeSigner, type PackageSpec, put, spoilSignature } from "./packages.ts";

let nest: Nest;
let top = "";
let distribution = "";
let secret = "";

beforeAll(async () => {
  nest = await makeNest();
  top = mkdtempSync(join(tmpdir(), "vserver-rpm-"));
  distribution = makeDistribution(join(top, "work"));
  secret = join(top, "secret");
  writeFileSync(secret, "told\n");
}, 60_000);
afterAll(() => {
  nest.end();
  rmSync(top, { recursive: true, force: true });
});

let count = 0;
function build(...words: string[]) {
  const name = `rpm${++count}`;
  const ended = nest.run(vserver, name, "build", "--method", "rpm", ...words);
  const tree = join(nest.directory, "servers", name);
  return { ...ended, name, tree, at: (path: string) => join(tree, path) };
}

/** A directory with further packages. */
function repository(...packages: readonly PackageSpec[]): string {
  const directory = join(top, `packages${++count}`);
  for (const one of packages) makePackage(join(top, "work", `more${count}`), directory, one);
  return directory;
}

const file = (path: string) => (root: string) => put(root, path, `${path}\n`);
const installed = (tree: string): readonly string[] =>
  Bun.spawnSync(["chroot", tree, "rpm", "-qa", "--queryformat", "%{NAME} "]).stdout.toString().trim().split(" ").sort();

test("all packages of the directories make a server in which rpm works", () => {
  const more = repository({ name: "thing", requires: ["base"], post: "echo $1 >/root/ran", fill: file("opt/thing") });
  const built = build(distribution, more);
  expect([built.status, built.err]).toEqual([0, ""]);
  expect(installed(built.tree)).toEqual(["base", "rpm", "thing"]);
  expect(readFileSync(built.at("root/ran"), "utf8")).toBe("1\n");
  expect(readFileSync(built.at("etc/hostname"), "utf8")).toBe(`${built.name}\n`);
  expect(readFileSync(built.at("etc/shadow"), "utf8")).toStartWith("root:*:");
  expect(lstatSync(built.at("dev/null")).isCharacterDevice()).toBe(true);
  // rpm is content with every file of its own.
  const checked = Bun.spawnSync(["chroot", built.tree, "rpm", "--verify", "thing", "rpm"]);
  expect([checked.exitCode, checked.stdout.toString()]).toEqual([0, ""]);
});

test("packages that are named come with what they need, and nothing else", () => {
  const more = repository(
    { name: "wanted", requires: ["base", "virtual >= 1", "/opt/by-path"], fill: file("opt/wanted") },
    { name: "provider", provides: ["virtual = 2"], fill: file("opt/provider") },
    { name: "path", requires: ["(never or deep)"], fill: file("opt/by-path") },
    { name: "deep", fill: file("opt/deep") },
    { name: "other", fill: file("opt/other") },
  );
  const built = build("--include", "wanted,rpm", distribution, more);
  expect([built.status, built.err]).toEqual([0, ""]);
  expect(installed(built.tree)).toEqual(["base", "deep", "path", "provider", "rpm", "wanted"]);
  expect(existsSync(built.at("opt/other"))).toBe(false);
});

test("what rpm refuses makes no server, and the line says why", () => {
  const missing = repository({ name: "missing", requires: ["no-such-thing > 3"], fill: file("opt/missing") });
  const clash = repository({ name: "clash", fill: (root) => put(root, "etc/passwd", "root::0:0::/:/bin/sh\n") });
  const failing = repository({ name: "failing", requires: ["base"], pre: "exit 7", fill: file("opt/failing") });
  const damaged = repository({ name: "damaged", fill: file("opt/damaged") });
  const [one = ""] = [...new Bun.Glob("**/*.rpm").scanSync(damaged)];
  const bytes = readFileSync(join(damaged, one));
  writeFileSync(join(damaged, one), bytes.subarray(0, bytes.length - 40));
  const twice = repository(
    { name: "twice", fill: file("opt/a") },
    { name: "twice", version: "2", fill: file("opt/a") },
  );
  const refusals: readonly (readonly [readonly string[], string])[] = [
    [[distribution, missing], "no-such-thing > 3 is needed by missing-1-1"],
    [[distribution, clash], "file /etc/passwd"],
    [[distribution, failing], "failing"],
    [[distribution, damaged], "damaged"],
    [[distribution, twice], "there are two packages twice"],
    [["--include", "nothing", distribution], "there is no package nothing"],
    [["/etc/ssl"], "there is no package for this machine"],
    [["/no/such"], "/no/such is no directory"],
  ];
  for (const [words, said] of refusals) {
    const { status, err, tree } = build(...words);
    expect([words, status, err]).toEqual([words, 1, expect.stringContaining(said)]);
    expect([words, err.split("\n").length, existsSync(tree)]).toEqual([words, 2, false]);
  }
  expect(nest.run("ls", "-A", join(nest.directory, "servers")).out).not.toContain(".building");
});

/** A directory with one package, and what is done to it. */
function one(name: string, ...change: readonly ((file: string) => void)[]): string {
  const directory = repository({ name, fill: file(`opt/${name}`) });
  const found = [...new Bun.Glob("**/*.rpm").scanSync({ cwd: directory, absolute: true })];
  for (const path of found) for (const each of change) each(path);
  return directory;
}

test("signatures: with --key each package has one of that key; without, what rpm demands on this machine", () => {
  const [maker, other] = [makeSigner(join(top, "maker")), makeSigner(join(top, "other"))];
  try {
    const signed = one("signed", maker.sign);
    const unsigned = one("unsigned");
    const foreign = one("foreign", other.sign);
    const spoilt = one("spoilt", maker.sign, spoilSignature);
    const cases = (...options: string[]) =>
      [signed, unsigned, foreign, spoilt].map((directory) => {
        const { status, err, tree } = build(...options, directory);
        expect([directory, existsSync(tree)]).toEqual([directory, status === 0]);
        // The complaint alone.
        return status === 0 && err === "" ? "" : (/^vserver \S+: (.*)\n$/.exec(err)?.[1] ?? err);
      });
    const [none, unknown, bad] = [
      "no signature; see --key",
      /signature, key ID .*NOKEY; see --key/i,
      /BAD; .*do not trust/,
    ];
    const matching = (pattern: string | RegExp) => expect.stringMatching(pattern);
    const told = matching(/^packages are signed with a key that rpm does not know here \([0-9a-f]+\); see --key$/);

    expect(cases("--key", maker.key)).toEqual(["", matching(none), matching(unknown), matching(bad)]);
    expect(cases("--key", maker.key, "--key", other.key)).toEqual(["", matching(none), "", matching(bad)]);
    expect(cases("--nosignature")).toEqual(["", "", "", ""]);
    // Nobody has imported a key here.
    expect(cases()).toEqual([told, "", told, told]);

    const macros = (...lines: string[]) =>
      nest.run(
        "sh",
        "-c",
        'mkdir -p /etc/rpm; printf "%s\\n" "$@" >/etc/rpm/macros',
        "sh",
        "%_dbpath /var/lib/rpm",
        ...lines,
      );
    expect(macros().status).toBe(0);
    expect(nest.run("rpmkeys", "--import", maker.key)).toMatchObject({ status: 0 });
    expect(cases()).toEqual(["", "", told, matching(bad)]);
    macros("%_pkgverify_level signature");
    expect(cases()).toEqual(["", matching(none), matching(unknown), matching(bad)]);
    expect(cases("--nosignature")).toEqual(["", "", "", ""]);
    macros();

    // The server goes on with the keys it was built with.
    const whole = build("--nosignature", distribution);
    expect(installed(whole.tree)).not.toContain("gpg-pubkey");
    expect(installed(build(distribution).tree)).toContain("gpg-pubkey");

    expect(build("--key", "/none", signed).err).toContain("cannot import the key /none: there is no such file");
    expect(build("--key", "/etc/passwd", signed).err).toMatch(
      /cannot import the key \/etc\/passwd: .*not an armored public key/,
    );
    expect(build("--key", maker.key, "--nosignature", signed).status).toBe(2);
  } finally {
    for (const signer of [maker, other]) signer.end();
    nest.run("rm", "-r", "/etc/rpm", "/var/lib/rpm");
  }
}, 120_000);

test("scripts of packages have no power over the machine, and leave nothing that runs", () => {
  const victim = Bun.spawn(["sleep", "1000"]);
  const env = readFileSync("/usr/bin/env");
  try {
    const settings = ["sys/kernel/core_pattern", "sys/kernel/hostname", "sysrq-trigger"].map((one) => `/proc/${one}`);
    const target = { secret, victim: victim.pid, program: "/usr/bin/env", place: "/tree" };
    const hostile = hostilePackage({ ...target, reserved: ["/dev/new", ...settings] });
    const more = repository({ ...hostile, pre: "mkdir -p /root; echo pre >/root/pre" }, escapePackage(top));
    const built = build(distribution, more);
    expect([built.status, built.err]).toEqual([0, ""]);
    const said = (path: string) => readFileSync(built.at(path), "utf8");
    expect(said("root/pre")).toBe("pre\n");
    expect(said("root/won")).toBe("");
    // It has left the tree, and has found nothing there to do.
    expect(said("root/escape")).toBe("(outside of the tree)\n");
    expect(victim.exitCode).toBe(null);
    expect(readFileSync("/usr/bin/env").equals(env)).toBe(true);
    expect(powersOf(said("root/status")) & machinesPowers).toBe(0n);
    expect(said("root/status")).toMatch(/NoNewPrivs:\s+1/);
    expect(said("root/net")).toStartWith("net:[");
    expect(said("root/net").trim()).not.toBe(nest.run("readlink", "/proc/self/ns/net").out.trim());
    // Of the machine there are neither processes nor settings.
    const entries = said("root/proc").split("\n").filter(Boolean);
    expect(entries.filter((name) => !/^\d{1,4}$/.test(name)).sort()).toEqual(["self", "thread-self"]);
    const left = Bun.spawnSync(["ps", "ax", "-o", "args"]).stdout.toString().split("\n");
    expect(left.filter((line) => line === "sleep 98765")).toEqual([]);
    expect(existsSync(built.at("root/disk"))).toBe(false);
  } finally {
    victim.kill();
  }
}, 60_000);
