/** delete, rename, config, chkconfig, service and status act on the server that was named, wholly or not at all. */
import { beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const conf = (name: string) => readFileSync(`/etc/vservers/${name}.conf`, "utf8");
const vserver = (...words: string[]) => run("vserver", ...words);

beforeAll(() => {
  expect(run("vkernel", "load").status).toBe(0);
});

describe("delete", () => {
  test("without a terminal it wants --yes, and does nothing without", () => {
    makeSmall("del0");
    expect(vserver("del0", "delete")).toMatchObject({ status: 2 });
    expect(existsSync("/vservers/del0/bin/busybox")).toBe(true);
  });

  test("on a terminal only a yes deletes", () => {
    const typed = (answer: string) =>
      run("script", "-qec", `(sleep 3; echo ${answer}) | script -qec 'vserver del0 delete' /dev/null`, "/dev/null");
    expect(typed("n").out).toContain("Delete del0");
    expect(existsSync("/etc/vservers/del0.conf")).toBe(true);
    expect(typed("y").out).toContain("Server del0 is deleted");
    expect(existsSync("/etc/vservers/del0.conf")).toBe(false);
  });

  test("a running server is stopped first; tree, conf, scripts and tables go; a link in the tree leads nowhere", () => {
    makeSmall("del1");
    mkdirSync("/tmp/precious", { recursive: true });
    writeFileSync("/tmp/precious/file", "mine");
    symlinkSync("/tmp/precious", "/vservers/del1/root/way-out");
    mkdirSync("/etc/vservers/del1.sh.d", { recursive: true });
    writeFileSync("/etc/vservers/del1.fstab", "");
    expect(vserver("del1", "start").status).toBe(0);
    expect(vserver("del1", "delete", "--yes")).toMatchObject({ status: 0 });
    for (const left of ["/vservers/del1", "/vservers/.del1.deleting", "/etc/vservers/del1.conf", "/run/vserver/del1"])
      expect(existsSync(left)).toBe(false);
    expect([existsSync("/etc/vservers/del1.sh.d"), existsSync("/etc/vservers/del1.fstab")]).toEqual([false, false]);
    expect(readFileSync("/tmp/precious/file", "utf8")).toBe("mine");
    expect(vserver("del1", "delete", "--yes")).toMatchObject({ status: 5 });
  });

  test("nothing goes while something is mounted in the tree", () => {
    makeSmall("del2");
    run("mount", "--bind", "/tmp/precious", "/vservers/del2/tmp");
    const refused = vserver("del2", "delete", "--yes");
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.err).toContain("/vservers/del2/tmp");
    expect(existsSync("/tmp/precious/file")).toBe(true);
    run("umount", "/vservers/del2/tmp");
    expect(vserver("del2", "delete", "--yes")).toMatchObject({ status: 0 });
  });

  test("killed at any moment, the same command completes it", async () => {
    for (const delay of [100, 200, 300, 400, 600]) {
      makeSmall("del3");
      const child = Bun.spawn(["vserver", "del3", "delete", "--yes"], { stdio: ["ignore", "ignore", "ignore"] });
      await Bun.sleep(delay);
      child.kill("SIGKILL");
      await child.exited;
      const again = vserver("del3", "delete", "--yes");
      // One that was killed after its last step left nothing to complete.
      const gone = again.err.includes("there is no such server");
      expect(again).toMatchObject({ status: gone ? 5 : 0 });
      expect([existsSync("/vservers/del3"), existsSync("/vservers/.del3.deleting")]).toEqual([false, false]);
    }
  });
});

describe("rename", () => {
  test("everything of the server follows its name, its host name too", () => {
    makeSmall("old1", { conf: "IPROOT=0.0.0.0\nS_HOSTNAME=old1 # its name\n" });
    writeFileSync("/etc/vservers/old1.sh", "#!/bin/sh\n");
    chmodSync("/etc/vservers/old1.sh", 0o755);
    expect(vserver("old1", "rename", "new1")).toMatchObject({ status: 0 });
    expect(conf("new1")).toBe("IPROOT=0.0.0.0\nS_HOSTNAME=new1 # its name\n");
    expect(existsSync("/etc/vservers/new1.sh")).toBe(true);
    expect(existsSync("/vservers/old1")).toBe(false);
    expect(vserver("new1", "exec", "hostname").out.trim()).toBe("new1");
    expect(readFileSync("/vservers/new1/etc/hostname", "utf8")).toBe("new1\n");
  });

  test("refused for a running server, a name that is taken, a server that is not there", () => {
    makeSmall("other1");
    expect(vserver("new1", "rename", "other1")).toMatchObject({ status: 1 });
    for (const to of ["somebody", "other1"]) expect(vserver("nobody", "rename", to)).toMatchObject({ status: 5 });
    expect(vserver("new1", "start").status).toBe(0);
    expect(vserver("new1", "rename", "else1")).toMatchObject({ status: 1 });
    expect(existsSync("/vservers/new1")).toBe(true);
    expect(vserver("new1", "stop").status).toBe(0);
  });
});

describe("config", () => {
  test("get, set, check", () => {
    makeSmall("conf1", { conf: "# mine\nIPROOT=0.0.0.0\n#ONBOOT=yes\n" });
    expect(vserver("conf1", "config", "get", "ONBOOT")).toMatchObject({ status: 0, out: "no\n" });
    expect(vserver("conf1", "config", "set", "ONBOOT=yes", "PRIORITY=7")).toMatchObject({ status: 0 });
    expect(conf("conf1")).toBe("# mine\nIPROOT=0.0.0.0\nONBOOT=yes\nPRIORITY=7\n");
    expect(JSON.parse(vserver("--json", "conf1", "config", "get", "PRIORITY", "S_NICE").out)).toEqual({
      PRIORITY: "7",
      S_NICE: null,
    });
    expect(vserver("conf1", "config", "check")).toMatchObject({ status: 0, err: "" });
  });

  test("a value that is wrong, a key that is none, a server that is not there: nothing changes, the status says why", () => {
    const before = conf("conf1");
    expect(vserver("conf1", "config", "set", "PRIORITY=1000")).toMatchObject({ status: 1 });
    expect(vserver("conf1", "config", "set", "PRIORTY=1")).toMatchObject({ status: 2 });
    expect(vserver("nobody", "config", "check")).toMatchObject({ status: 5 });
    expect(vserver("nobody", "start")).toMatchObject({ status: 5 });
    expect(vserver("nobody", "status")).toMatchObject({ status: 5 });
    expect(conf("conf1")).toBe(before);
    writeFileSync("/etc/vservers/conf1.conf", "IPROOT=$(id)\n");
    const wrong = vserver("conf1", "config", "check");
    expect(wrong).toMatchObject({ status: 1 });
    expect(wrong.err).toMatch(/^\/etc\/vservers\/conf1\.conf:1:8:/);
  });

  test("edit replaces the file only by a right text", () => {
    writeFileSync("/etc/vservers/conf1.conf", "IPROOT=0.0.0.0\n");
    const edit = (command: string) =>
      run("env", `EDITOR=sh -c '${command} "$0"'`, "vserver", "conf1", "config", "edit");
    expect(edit("echo ONBOOT=yes >>")).toMatchObject({ status: 0 });
    expect(conf("conf1")).toBe("IPROOT=0.0.0.0\nONBOOT=yes\n");
    expect(edit("echo ONBOOT=perhaps >>")).toMatchObject({ status: 1 });
    expect(conf("conf1")).toBe("IPROOT=0.0.0.0\nONBOOT=yes\n");
  });
});

test("status: 3 when stopped, JSON when asked, --watch again and again with the processes", () => {
  makeSmall("stat1");
  expect(vserver("stat1", "status")).toMatchObject({ status: 3 });
  expect(vserver("stat1", "start").status).toBe(0);
  expect(JSON.parse(vserver("stat1", "status", "--json").out)).toMatchObject({ name: "stat1", running: true });
  const watched = vserver("stat1", "status", "--watch=0.2", "--count=3");
  expect(watched.status).toBe(0);
  expect(watched.out.split("Server stat1 is running").length - 1).toBe(3);
  expect(watched.out).toContain("sleep 100000");
  expect(vserver("stat1", "stop").status).toBe(0);
});

test("enter, exec in a stopped server: set up for it, said so by enter, taken down after it", () => {
  const entered = vserver("stat1", "enter");
  expect(entered.err).toContain("Server stat1 is not running");
  expect(existsSync("/run/vserver/stat1")).toBe(false);
});
