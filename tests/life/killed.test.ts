/**
 * `vserver` is killed with SIGKILL at each step of start, stop, build and delete: the same command again succeeds, and what
 * was made is then there once and complete, or not at all.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { killAt, killDuring, momentsOf } from "./killer.ts";
import { address, groupOf, makeNest, makeServer, type Nest, vserver } from "./nest.ts";

const name = `killed-${process.pid}`;
let nest: Nest;
let tree = "";

beforeAll(async () => {
  nest = await makeNest();
  tree = makeServer(nest, name);
}, 20_000);

afterAll(() => {
  nest.run(vserver, "--silent", name, "stop");
  nest.end();
  if (existsSync(groupOf(name))) rmdirSync(groupOf(name));
}, 20_000);

/** Without a complaint. */
const again = (...words: readonly string[]) =>
  expect({ words, ...nest.run(vserver, "--silent", ...words) }).toMatchObject({ words, status: 0, err: "" });

const hookMounts = () => nest.mounts().split(` ${tree}/mnt `).length - 1;
const aliases = () => nest.addresses().split(`-- ${address}\n`).length - 1;

function expectRunning(): void {
  expect(nest.run(vserver, "--silent", name, "running").status).toBe(0);
  expect(hookMounts()).toBe(1);
  expect(aliases()).toBeGreaterThan(0);
}

function expectNothing(): void {
  expect(nest.mounts()).not.toContain(name);
  expect(aliases()).toBe(0);
  expect(["", "/.phase"].map((directory) => nest.has(`/run/vserver${directory}/${name}`))).toEqual([false, false]);
  expect(existsSync(groupOf(name))).toBe(false);
}

test("start and stop, at each step of vserver itself", async () => {
  again(name, "start");
  again(name, "stop");
  const starts = await momentsOf(nest, name, "start");
  const stops = await momentsOf(nest, name, "stop");
  expect([starts.length, stops.length].every((count) => count > 15)).toBe(true);
  for (let at = 0; at < Math.max(starts.length, stops.length); at++) {
    const [start, stop] = [starts[at], stops[at]];
    if (start !== undefined) killAt(nest, start, name, "start");
    again(name, "start");
    expectRunning();
    if (stop !== undefined) killAt(nest, stop, name, "stop");
    again(name, "stop");
    expectNothing();
  }
}, 300_000);

/** Of the plan that makes a server's first process: early, in the middle, and when it is all but running. */
const inStart = [
  { call: "unshare", number: 1 },
  { call: "mount", number: 4 },
  { call: "pivot_root", number: 1 },
  { call: "mount", number: 20 },
  { call: "setns", number: 2 },
  { call: "renameat", number: 1 },
];

test("start, while its first process is being made: all of it ends with vserver", async () => {
  for (const moment of inStart) {
    expect({ moment, rest: await killDuring(nest, moment, name, "start") }).toEqual({ moment, rest: "ended" });
    again(name, "start");
    expectRunning();
    again(name, "stop");
    expectNothing();
  }
}, 100_000);

test("stop, while the server is asked to shut down", async () => {
  again(name, "start");
  const moment = { call: "setns", number: 3 };
  expect(await killDuring(nest, moment, name, "stop")).toBe("ended");
  // Half stopped is not running: whoever starts it gets a new one.
  again(name, "start");
  expectRunning();
  expect(await killDuring(nest, moment, name, "stop")).toBe("ended");
  again(name, "stop");
  expectNothing();
}, 60_000);

test("build and delete", async () => {
  const made = `made-${process.pid}`;
  const inNest = (...path: readonly string[]) => join(nest.directory, ...path);
  mkdirSync(inNest("source/etc/init.d"), { recursive: true });
  for (const file of ["passwd", "init.d/rc"])
    writeFileSync(inNest("source/etc", file), "root:x:0:0:root:/root:/bin/sh\n");
  expect(nest.run("tar", "-C", inNest("source"), "-cf", inNest("source.tar"), ".").status).toBe(0);
  const build = [made, "build", "--method", "tar", inNest("source.tar")];
  const remove = [made, "delete", "--yes"];
  const left = () =>
    ["servers", "conf"].flatMap((path) => readdirSync(inNest(path))).filter((one) => one.includes(made));
  const whole = [made, `${made}.conf`];
  const builds = await momentsOf(nest, ...build);
  const removals = await momentsOf(nest, ...remove);
  expect([builds.length > 15, removals.length > 5]).toEqual([true, true]);
  for (let at = 0; at < Math.max(builds.length, removals.length); at++) {
    const [building, removal] = [builds[at], removals[at]];
    if (building !== undefined) {
      killAt(nest, building, ...build);
      // Under its name there is the whole tree, or none.
      if (existsSync(inNest("servers", made))) expect(existsSync(inNest("servers", made, "etc/hostname"))).toBe(true);
    }
    again(...build);
    expect({ building, left: left() }).toEqual({ building, left: whole });
    expect(existsSync(inNest("servers", made, "etc/init.d/rc"))).toBe(true);
    if (removal !== undefined) killAt(nest, removal, ...remove);
    const { status, err } = nest.run(vserver, "--silent", ...remove);
    if (status !== 0) expect(err).toContain("there is no such server");
    expect({ removal, left: left() }).toEqual({ removal, left: [] });
  }
}, 300_000);
