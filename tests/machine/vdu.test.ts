/** vdu counts what a directory takes by itself. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type } from "./shell.ts";

beforeAll(async () => {
  await type(
    `mkdir -p /vservers/vdu/one/sub /vservers/vdu/two /vservers/vdu/one/other
     cd /vservers/vdu
     head -c 3000 /dev/zero >one/a; head -c 1100 /dev/zero >one/sub/b; truncate -s 10M one/sub/holes
     head -c 50000 /dev/zero >one/shared; ln one/shared two/shared
     ln -s /usr one/link
     mount -t tmpfs none one/other; head -c 90000 /dev/zero >one/other/file
     mkdir locked; echo x >locked/file`,
  );
});
afterAll(async () => {
  await type("umount /vservers/vdu/one/other; rm -r /vservers/vdu");
});

test("prints the directory, a tab and its kilobytes: no file with two links, no other file system, no symbolic link", async () => {
  const { status, output } = await type("vdu /vservers/vdu/one");
  expect(output).toBe(`/vservers/vdu/one\t${Math.floor((3000 + 1100 + 10 * 2 ** 20) / 1024)}K\n`);
  expect(status).toBe(0);
});

test("several directories have a line each, however they are written", async () => {
  const { output } = await type("cd /vservers/vdu; vdu two/ ./one/sub one/other");
  expect(output).toBe(`two/\t0K\n./one/sub\t${10 * 1024 + 1}K\none/other\t87K\n`);
});

test("--json has the bytes too", async () => {
  const { output } = await type("vdu --json /vservers/vdu/one/other");
  expect(JSON.parse(output)).toEqual([
    { directory: "/vservers/vdu/one/other", bytes: 90000, kilobytes: 87, allocated: 90112 },
  ]);
});

test("--allocated counts blocks: of a hole nothing", async () => {
  const { output } = await type("sync; vdu --allocated /vservers/vdu/one/sub");
  expect(output).toBe("/vservers/vdu/one/sub\t4K\n");
});

test("what cannot be read is named, the rest is counted, and the status is 255 whatever comes later", async () => {
  await type("chmod 0 /vservers/vdu/locked");
  const { output, status } = await type("vdu /vservers/vdu /vservers/vdu/two", { user: "user" });
  expect(output).toBe(
    `vdu: cannot read /vservers/vdu/locked: permission denied\n/vservers/vdu\t${10 * 1024 + 4}K\n/vservers/vdu/two\t0K\n`,
  );
  expect(status).toBe(255);
});

test("a directory that is not there is named, and counts nothing", async () => {
  const { status, output } = await type("vdu /none");
  expect(output).toBe("vdu: cannot read /none: no such file or directory\n/none\t0K\n");
  expect(status).toBe(255);
});
