/** vunify --reflink: equal files of servers use the same blocks, and stay their own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type } from "../shell.ts";
import { makeDisk, removeDisk } from "./place.ts";

const mounted = "/mnt/reflink-test";
const size = 8 << 20;
const path = (server: string, name = "data") => `${mounted}/${server}/usr/share/${name}`;
const state = async () =>
  (
    await type(
      `cd ${mounted}; stat -c '%n %i %h %a %u %s %y' */usr/share/*; sha256sum */usr/share/*; getfattr -d -R -m - .`,
    )
  ).output;
/** Bytes that the file shares with none, as btrfs counts them. */
const exclusive = async (file: string) =>
  Number((await type(`btrfs filesystem du --raw -s ${file} | awk 'END { print $2 }'`)).output);

interface Result {
  readonly bytes: number;
  readonly servers: readonly { name: string; linked: number; already: number; bytes: number }[];
}
async function unify(...words: readonly string[]): Promise<Result> {
  const { output, status } = await type(`vunify --json --content --reflink ${words.join(" ")}`);
  expect({ status, output }).toMatchObject({ status: 0 });
  return JSON.parse(output);
}

beforeAll(async () => {
  await makeDisk("btrfs", mounted);
  // One and two in directories, three in a subvolume of its own.
  await type(`echo VSERVERS=${mounted} >/etc/vserver.conf; mkdir -p /etc/vservers; cd ${mounted}
    btrfs subvolume create three; head -c ${size} /dev/urandom >/tmp/data; head -c ${size} /dev/urandom >/tmp/other
    for server in one two three; do
      echo IPROOT=0.0.0.0 >/etc/vservers/$server.conf; mkdir -p $server/usr/share $server/etc
      cp /tmp/data $server/usr/share/data; cp /tmp/data $server/usr/share/more; echo small >$server/usr/share/small
      head -c 1000 /dev/zero | cat /tmp/other - >$server/usr/share/odd
      touch -d 2001-01-01 $server/usr/share/*
    done
    printf x | dd of=one/usr/share/more bs=1 seek=5000000 conv=notrunc status=none; touch -d 2001-01-01 one/usr/share/more; sync`);
});
afterAll(async () => {
  await removeDisk(mounted);
  await type(
    "rm -f /etc/vserver.conf /etc/vservers/one.conf /etc/vservers/two.conf /etc/vservers/three.conf /tmp/data /tmp/other",
  );
});

test("--test changes nothing and tells what would be", async () => {
  const before = await state();
  expect((await unify("--test", "one", "two", "three")).bytes).toBeGreaterThan(5 * size);
  expect(await state()).toBe(before);
  expect(await exclusive(path("two"))).toBe(size);
});

test("equal files share their blocks, between subvolumes too, and nothing else of them changes", async () => {
  const before = await state();
  const { bytes } = await unify("one", "two", "three");
  // data: six names, one of them of other content; odd: three, whose last block is not full.
  expect(bytes).toBe(4 * size + 2 * (size + 4096));
  expect(await state()).toBe(before);
  for (const server of ["one", "two", "three"]) {
    expect(await exclusive(path(server))).toBe(0);
    expect(await exclusive(path(server, "odd"))).toBe(0);
  }
  expect(await exclusive(path("one", "more"))).toBeGreaterThan(0);
});

test("a second run finds nothing to do", async () => {
  const { bytes, servers } = await unify("one", "two", "three");
  expect(bytes).toBe(0);
  expect(servers.map(({ linked }) => linked)).toEqual([0, 0, 0]);
});

test("a server that writes to such a file changes its own", async () => {
  await type(`printf y | dd of=${path("two")} bs=1 seek=100 conv=notrunc status=none; sync`);
  const { output } = await type(
    `cmp ${path("one")} /tmp/data && cmp ${path("three")} /tmp/data && cmp ${path("two")} /tmp/data`,
  );
  expect(output).toContain("differ: byte 101");
});

test("a file system without reflinks is named, and nothing changes", async () => {
  await type(
    "rm /etc/vserver.conf; mkdir -p /vservers/one/usr /vservers/two/usr; for s in one two; do cp /tmp/data /vservers/$s/usr/data; touch -d 2001-01-01 /vservers/$s/usr/data; done",
  );
  const { output, status } = await type("vunify --content --reflink one two; stat -c %h /vservers/one/usr/data");
  await type(`rm -r /vservers/one /vservers/two; echo VSERVERS=${mounted} >/etc/vserver.conf`);
  expect(output).toMatch(
    /^vserver (?:one|two): its file system cannot share blocks between files; btrfs and XFS can \(1 file\)$/m,
  );
  expect(output).toEndWith("\n1\n");
  expect(status).toBe(0);
});

test("--reflink has no --undo", async () => {
  const { output, status } = await type("vunify --undo --reflink --content one");
  expect(output).toBe("vunify: --reflink has nothing to undo: every file is its server's own; see vunify --help\n");
  expect(status).toBe(255);
});
