/** What root of a server changes in its files is told from outside, and nothing else is. */
import { beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const verify = (...words: string[]) => run("vserver", "watched", "verify", ...words);
const shell = (script: string) =>
  expect(run("sh", "-c", `cd /vservers/watched && ${script}`)).toMatchObject({ status: 0 });

beforeAll(() => {
  makeSmall("watched");
  shell("cp /usr/bin/true bin/prog; echo mine >etc/mine; mkdir -p usr/share");
});

test("without a record it says how to make one", () => {
  expect(verify()).toMatchObject({ status: 1, err: expect.stringContaining("verify --record") });
});

test("nothing has changed: no output, status 0; what changes by itself does not count", () => {
  expect(verify("--record")).toMatchObject({ status: 0 });
  shell("touch tmp/scratch; echo line >>var/log/rc");
  expect(verify()).toMatchObject({ status: 0, out: "" });
});

test("an added, a removed, a changed file, a mode, a capability, a link: each is named", () => {
  shell("echo x >etc/added; rm etc/group; echo other >etc/mine; chmod 4755 bin/busybox; ln -sf evil etc/link");
  shell("setcap cap_net_raw+ep bin/prog");
  const { status, out } = verify();
  expect(status).toBe(4);
  for (const name of ["/etc/added", "/etc/group", "/etc/mine", "/bin/busybox", "/etc/link", "/bin/prog"])
    expect(out).toContain(name);
  expect(out).not.toContain("/etc/passwd");
  expect(verify("--record").status).toBe(0);
  expect(verify()).toMatchObject({ status: 0, out: "" });
});

test("a link out of the tree is recorded as a link: no file of the main server is looked into", () => {
  shell("ln -s /etc usr/share/outside");
  expect(verify().out).toContain("/usr/share/outside");
  expect(verify().out).not.toContain("/usr/share/outside/");
});

test("the record is out of the server's reach, and goes with the server", () => {
  expect(existsSync("/var/lib/vserver/watched/aide.db.gz")).toBe(true);
  expect(run("vserver", "watched", "delete", "--yes").status).toBe(0);
  expect(existsSync("/var/lib/vserver/watched")).toBe(false);
});
