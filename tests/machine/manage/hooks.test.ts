/** Scripts around start and stop, and the table of mounts: what they mount is in the server, and nowhere when it is over. */
import { beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const log = "/tmp/hook-log";

function script(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}

beforeAll(() => {
  expect(run("vkernel", "load").status).toBe(0);
  makeSmall("hook1");
  mkdirSync("/srv/shared/sub", { recursive: true });
  writeFileSync("/srv/shared/file", "of the main server\n");
  mkdirSync("/etc/vservers/hook1.sh.d", { recursive: true });
});

test("NAME.sh, then NAME.sh.d by name; at stop the other way round; a hook's bind mount is in the server", () => {
  const note = `echo "$1 $2 $(basename "$0")" >>${log}`;
  const mounting = `${note}
    case $1 in pre-start) mount --bind /srv/shared /vservers/$2/tmp;; post-stop) umount /vservers/$2/tmp;; esac`;
  script("/etc/vservers/hook1.sh", mounting);
  script("/etc/vservers/hook1.sh.d/10-first", note);
  script("/etc/vservers/hook1.sh.d/20-second", note);
  script("/etc/vservers/hook1.sh.d/30-second.dpkg-old", note);
  writeFileSync("/etc/vservers/hook1.sh.d/40-not-executable", "exit 1\n");
  expect(run("vserver", "hook1", "start").status).toBe(0);
  expect(run("vexec", "hook1", "cat", "/tmp/file").out).toBe("of the main server\n");
  expect(run("vserver", "hook1", "stop").status).toBe(0);
  expect(readFileSync("/proc/mounts", "utf8")).not.toContain("/vservers/hook1");
  const order = (phase: string, names: string[]) => names.map((name) => `${phase} hook1 ${name}\n`).join("");
  const forward = ["hook1.sh", "10-first", "20-second"];
  expect(readFileSync(log, "utf8")).toBe(
    order("pre-start", forward) +
      order("post-start", forward) +
      order("pre-stop", [...forward].reverse()) +
      order("post-stop", [...forward].reverse()),
  );
});

test("a pre-start that fails stops the start, and its output is shown", () => {
  script("/etc/vservers/hook1.sh.d/20-second", '[ "$1" != pre-start ] || { echo "no disk today"; exit 3; }');
  const { status, out, err } = run("vserver", "hook1", "start");
  expect({ status, out }).toEqual({ status: 1, out: expect.stringContaining("no disk today") });
  expect(err).toContain("/etc/vservers/hook1.sh.d/20-second pre-start: it ended with 3");
  expect(run("vserver", "hook1", "running").status).toBe(1);
  run("umount", "/vservers/hook1/tmp");
  rmSync("/etc/vservers/hook1.sh.d", { recursive: true });
  rmSync("/etc/vservers/hook1.sh");
});

test("NAME.fstab: bound, read-only, a file system of its own; nothing of it on the main server, nothing after stop", () => {
  mkdirSync("/vservers/hook1/srv", { recursive: true });
  // A link that the server's root planted is followed in the server only.
  mkdirSync("/vservers/hook1/inner/deep", { recursive: true });
  symlinkSync("/inner", "/vservers/hook1/linked");
  const table =
    "/srv/shared /srv none bind,ro\n/srv/shared /linked/deep none bind\nnone /tmp tmpfs size=64k,mode=1777 0 0\n";
  writeFileSync("/etc/vservers/hook1.fstab", table);
  expect(run("vserver", "hook1", "start")).toMatchObject({ status: 0 });
  expect(run("vexec", "hook1", "cat", "/srv/file", "/inner/deep/file").out).toBe(
    "of the main server\nof the main server\n",
  );
  expect(run("vexec", "hook1", "touch", "/srv/new").err).toContain("Read-only file system");
  expect(run("vexec", "hook1", "touch", "/inner/deep/sub/new").status).toBe(0);
  expect(run("vexec", "hook1", "dd", "if=/dev/zero", "of=/tmp/big", "bs=1k", "count=100").err).toContain(
    "No space left",
  );
  expect(readFileSync("/proc/mounts", "utf8")).not.toContain("/vservers/hook1");
  expect(existsSync("/inner")).toBe(false);
  expect(run("vserver", "hook1", "stop").status).toBe(0);
  expect(existsSync("/srv/shared/file")).toBe(true);
});

test("a line that cannot be mounted stops the start and is named", () => {
  writeFileSync("/etc/vservers/hook1.fstab", "\n/does/not/exist /srv none bind\n");
  const { status, err } = run("vserver", "hook1", "start");
  expect(status).toBe(1);
  expect(err).toContain("/etc/vservers/hook1.fstab:2: cannot mount /does/not/exist on /srv: no such file or directory");
  expect(existsSync("/run/vserver/hook1")).toBe(false);
  rmSync("/etc/vservers/hook1.fstab");
});
