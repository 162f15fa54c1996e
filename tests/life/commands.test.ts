/** What the small commands of vserver say and end with, by pipe and on a terminal; and which profile a start takes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { address, makeNest, makeServer, type Nest, vserver } from "./nest.ts";

const [name, still] = [`calm-${process.pid}`, `still-${process.pid}`];
let nest: Nest;
let tree = "";
const call = (...words: readonly string[]) => nest.run(vserver, ...words);
const quiet = { status: 0, out: "", err: "" };
const conf = (one: string) => join(nest.directory, "conf", `${one}.conf`);

beforeAll(async () => {
  nest = await makeNest();
  tree = makeServer(nest, name);
  makeServer(nest, still);
  appendFileSync(conf(name), "# Description: the one that runs\nONBOOT=yes\n");
  expect(call("--silent", name, "start")).toEqual(quiet);
}, 20_000);
afterAll(() => {
  call("--silent", name, "stop");
  nest.end();
}, 20_000);

test("running and status: 0 and 3 or 1, in the words of 2003", () => {
  expect(call(name, "running")).toEqual({ status: 0, out: `Server ${name} is running\n`, err: "" });
  expect(call(still, "running")).toEqual({ status: 1, out: `Server ${still} is not running\n`, err: "" });
  expect(call("--silent", still, "running")).toEqual({ status: 1, out: "", err: "" });
  expect(call(still, "status")).toEqual({ status: 3, out: `Server ${still} is not running\n`, err: "" });
  expect(call(name, "status").out).toMatch(
    /^Server \S+ is running\n[1-9]\d* processes running\nVserver uptime: 00:00\n/,
  );
});

test("restart of a server that does not run does nothing", () => {
  expect(call(still, "restart")).toEqual({ status: 0, out: `Server ${still} is not running\n`, err: "" });
  expect(call("--silent", still, "running").status).toBe(1);
});

test("start of one that runs and stop of one that does not say so, with 0", () => {
  expect(call(name, "start").out).toEndWith(`Server ${name} is running already\n`);
  expect(call(still, "stop").out).toEndWith(`Server ${still} is not running\n`);
});

test("list: a line for each, JSON when asked, colours on a terminal alone, and none with NO_COLOR", () => {
  const { status, out, err } = call("list");
  expect({ status, err, coloured: out.includes("\x1b") }).toEqual({ status: 0, err: "", coloured: false });
  expect(out).toMatch(
    new RegExp(`^${name} +running +- +[1-9]\\d* +${address.replaceAll(".", "\\.")} .* yes +the one that runs$`, "m"),
  );
  expect(out).toMatch(new RegExp(`^${still} +stopped +- +0 +- +- +no$`, "m"));
  const listed = JSON.parse(call("--json", "list").out) as { name: string; running: boolean }[];
  expect(listed.map((one) => [one.name, one.running])).toEqual([
    [name, true],
    [still, false],
  ]);
  const onTerminal = (...environment: readonly string[]) =>
    nest.run("env", ...environment, "script", "-qec", `${vserver} list`, "/dev/null").out.replaceAll("\r", "");
  expect(onTerminal()).toContain(`${name.padEnd(still.length)}  \x1b[32mrunning\x1b[0m`);
  expect(onTerminal("NO_COLOR=1")).toBe(out);
});

test("--nodev leaves the devices alone", () => {
  expect(call("--silent", name, "stop")).toEqual(quiet);
  const before = nest.addresses();
  expect(call("--silent", "--nodev", name, "start")).toEqual(quiet);
  expect(nest.addresses()).toBe(before);
  expect(call("--silent", name, "stop")).toEqual(quiet);
  expect(nest.addresses()).toBe(before);
  expect(call("--silent", name, "start")).toEqual(quiet);
  expect(nest.addresses()).not.toBe(before);
  expect(call("--silent", name, "stop")).toEqual(quiet);
  expect(nest.addresses()).toBe(before);
}, 20_000);

test("PROFILE of whoever starts it chooses the branch; the server knows it, and commands in it have the same", () => {
  const branches = [`if [ "$PROFILE" = "" ]; then PROFILE=prod; fi`, "case $PROFILE in", "prod) S_HOSTNAME=first;;"]
    .concat(["backup) S_HOSTNAME=second;;", "esac", 'IPROOT=""', 'S_FLAGS="fakeinit"', ""])
    .join("\n");
  writeFileSync(conf(name), branches);
  const file = join(tree, "etc/PROFILE");
  const started = (...environment: readonly string[]) => {
    expect(nest.run("env", ...environment, vserver, "--silent", name, "start")).toEqual(quiet);
    const host = call(name, "exec", "uname", "-n").out.trim();
    const seen = nest
      .run(vserver, name, "exec", "sh", "-c", "tr '\\0' '\\n' </proc/1/environ | grep PROFILE")
      .out.trim();
    expect(call("--silent", name, "stop")).toEqual(quiet);
    return [host, seen, readFileSync(file, "utf8").trim()];
  };
  expect(started()).toEqual(["first", "PROFILE=prod", "export PROFILE=prod"]);
  expect(started("PROFILE=backup")).toEqual(["second", "PROFILE=backup", "export PROFILE=backup"]);
  const refused = nest.run("env", "PROFILE=a b", vserver, "--silent", name, "start");
  expect({ ...refused, running: call("--silent", name, "running").status }).toEqual({
    status: 1,
    out: "",
    err: expect.stringContaining("is not a profile's name"),
    running: 1,
  });
  expect(existsSync(`${file}.new`)).toBe(false);
}, 30_000);

test("a server that has made /etc/PROFILE a directory, or a link out of its tree, starts all the same", () => {
  const outside = join(nest.directory, "outside");
  for (const make of [
    "rm -rf etc/PROFILE && mkdir etc/PROFILE",
    `rm -rf etc/PROFILE && ln -s ${outside} etc/PROFILE`,
  ]) {
    expect(nest.run("sh", "-c", `cd ${tree} && ${make}`)).toEqual(quiet);
    expect(call("--silent", name, "start").status).toBe(0);
    expect(call("--silent", name, "stop")).toEqual(quiet);
    expect(existsSync(outside)).toBe(false);
  }
}, 20_000);
