/**
 * Disk full: whatever needs room says so in a line and leaves nothing half done, what needs none goes on, and with room
 * again the same command succeeds.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { groupOf, makeNest, makeServer, type Nest, vserver } from "./nest.ts";

const vunify = join(dirname(vserver), "vunify");
const name = (word: string) => `${word}-full-${process.pid}`;
const megabyte = 1 << 20;
let nest: Nest;
let servers = "";
let conf = "";

const sh = (script: string) => nest.run("sh", "-c", script);
const call = (...words: readonly string[]) => nest.run(vserver, "--silent", ...words);
const done = { status: 0, out: "", err: "" };
const silent = { status: 0, err: "" };
/** One line, which says what is missing; status 1. */
const full = { status: 1, out: "", err: expect.stringMatching(/^[^\n]*no space left on device[^\n]*\n$/) };
/** Takes all the room there is: whole pages, then what a page is too much for. */
const fill = (directory: string) => sh(`dd if=/dev/zero of=${directory}/.filler bs=4k 2>/dev/null; df ${directory}`);
const free = (directory: string) => sh(`rm ${directory}/.filler`);
/** What is in a directory of the nest, hidden files too. */
const list = (directory: string) => sh(`ls -A ${directory}`).out.split("\n").filter(Boolean);

beforeAll(async () => {
  nest = await makeNest();
  servers = join(nest.directory, "servers");
  conf = join(nest.directory, "conf");
}, 20_000);
afterAll(() => nest.end());

describe("a full disk of trees", () => {
  const [made, twin] = [name("made"), name("twin")];

  beforeAll(() => {
    mkdirSync(join(nest.directory, "source/etc/init.d"), { recursive: true });
    for (const file of ["passwd", "init.d/rc"]) {
      writeFileSync(join(nest.directory, "source/etc", file), "root:x:0:0:root:/root:/bin/sh\n");
    }
    writeFileSync(join(nest.directory, "source/data"), new Uint8Array(3 * megabyte));
    expect(sh(`tar -C ${nest.directory}/source -cf ${nest.directory}/source.tar .`)).toEqual(done);
    expect(sh(`mount -t tmpfs -o size=2m small ${servers}`)).toEqual(done);
  });
  afterAll(() => {
    for (const one of [made, twin]) call(one, "delete", "--yes");
    expect(sh(`umount ${servers}`)).toEqual(done);
  });
  const unify = () => nest.run(vunify, "--noflags", "--content", made, twin);
  const resize = (megabytes: number) => expect(sh(`mount -o remount,size=${megabytes}m ${servers}`)).toEqual(done);

  for (const [how, one, words, room] of [
    ["an archive", made, () => ["--method", "tar", join(nest.directory, "source.tar")], 5],
    ["another server", twin, () => ["--method", "clone", made], 10],
  ] as const) {
    test(`build from ${how}`, () => {
      const before = [list(servers), list(conf)];
      expect(call(one, "build", ...words())).toEqual(full);
      expect([list(servers), list(conf)]).toEqual(before);
      resize(room);
      expect(call(one, "build", ...words())).toMatchObject(silent);
      expect(sh(`cmp ${nest.directory}/source/data ${servers}/${one}/data`)).toEqual(done);
    }, 30_000);
  }

  test("vunify needs none; a server is deleted and renamed without any", () => {
    fill(servers);
    expect(unify()).toMatchObject(silent);
    expect(sh(`test ${servers}/${made}/data -ef ${servers}/${twin}/data`)).toEqual(done);
    expect(call(twin, "rename", name("third"))).toEqual(done);
    expect(call(name("third"), "delete", "--yes")).toEqual(done);
    free(servers);
  }, 30_000);

  test("vunify that gets no more names leaves every file as it was, and goes on when there are some", () => {
    expect(call(twin, "build", "--method", "clone", made)).toMatchObject(silent);
    const sums = `cd ${servers} && find . -type f ! -name .filler | sort | xargs sha256sum`;
    const before = sh(sums).out;
    // A link takes an inode's place there.
    const used = Number(sh(`df --output=iused ${servers} | tail -n 1`).out);
    expect(sh(`mount -o remount,nr_inodes=${used} ${servers}`)).toEqual(done);
    const { status, err } = unify();
    expect({ status, err }).toEqual({ status: 255, err: expect.stringContaining("no space left on device") });
    expect(sh(sums).out).toBe(before);
    expect(sh(`find ${servers}/.unify -mindepth 1`).out).toBe("");
    expect(sh(`mount -o remount,nr_inodes=${used + 1000} ${servers}`)).toEqual(done);
    expect(unify()).toMatchObject(silent);
    expect(sh(`test ${servers}/${made}/data -ef ${servers}/${twin}/data`)).toEqual(done);
    expect(sh(sums).out).toBe(before);
  }, 30_000);
});

test("config set: the file is as it was, and nothing beside it", () => {
  const one = name("conf");
  makeServer(nest, one);
  expect(sh(`mkdir /run/conf && mount -t tmpfs -o size=64k small /run/conf && cp -a ${conf}/. /run/conf/`)).toEqual(
    done,
  );
  expect(sh(`mount --bind /run/conf ${conf}`)).toEqual(done);
  const before = [list(conf), sh(`cat ${conf}/${one}.conf`).out];
  fill(conf);
  expect(call(one, "config", "set", "ONBOOT=yes")).toEqual(full);
  free(conf);
  expect([list(conf), sh(`cat ${conf}/${one}.conf`).out]).toEqual(before);
  expect(call(one, "config", "set", "ONBOOT=yes")).toEqual(done);
  expect(call(one, "config", "get", "ONBOOT").out).toBe("yes\n");
  expect(sh(`umount ${conf} && umount /run/conf`)).toEqual(done);
}, 30_000);

describe("no room for the state of servers that run", () => {
  const one = name("state");
  const state = "/run/vserver";
  const nothing = () => {
    expect(nest.mounts()).not.toContain(one);
    expect(sh(`test -e ${groupOf(one)} || test -e ${state}/${one} || test -e ${state}/.phase/${one}`).status).toBe(1);
  };

  beforeAll(() => {
    makeServer(nest, one);
    for (const word of ["start", "stop"]) expect(call(one, word)).toEqual(done);
    expect(sh(`mount -o remount,size=256k ${state}`)).toEqual(done);
  }, 20_000);

  test("start: nothing is left of it", () => {
    fill(state);
    expect(call(one, "start")).toEqual(full);
    nothing();
    free(state);
    expect(call(one, "start")).toEqual(done);
  }, 30_000);

  test("stop needs none", () => {
    fill(state);
    expect(call(one, "running").status).toBe(0);
    expect(call(one, "exec", "true")).toEqual(done);
    expect(call(one, "stop")).toEqual(done);
    nothing();
    free(state);
    for (const word of ["start", "stop"]) expect(call(one, word)).toEqual(done);
    nothing();
  }, 60_000);
});
