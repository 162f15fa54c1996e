/** vdpkg: a package in several servers by their own dpkg, whose scripts have no powers over the machine. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { run } from "../small.ts";

const servers = ["pkg1", "pkg2"];
const tree = (name: string, path: string) => `/vservers/${name}/${path}`;
const data = "opt/tool/data";

/** A server that has the programs of this machine, read-only, and a dpkg database of its own. */
function makeServer(name: string): void {
  for (const path of ["usr", "etc", "var/log", "tmp", "root", "var/lib/dpkg/info", "var/lib/dpkg/updates"]) {
    mkdirSync(tree(name, path), { recursive: true });
  }
  for (const link of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${link}`, tree(name, link));
  for (const file of ["var/lib/dpkg/status", "var/lib/dpkg/available"]) writeFileSync(tree(name, file), "");
  writeFileSync(tree(name, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(tree(name, "etc/group"), "root:x:0:\n");
  writeFileSync(`/etc/vservers/${name}.conf`, "IPROOT=0.0.0.0\n");
  writeFileSync(`/etc/vservers/${name}.fstab`, "/usr /usr none bind,ro 0 0\n");
}

/** A package whose script tries what it may not. */
function makePackage(version: string): string {
  const top = `/tmp/tool-${version}`;
  mkdirSync(`${top}/DEBIAN`, { recursive: true });
  mkdirSync(`${top}/opt/tool`, { recursive: true });
  writeFileSync(`${top}/opt/tool/data`, `version ${version} `.repeat(2000));
  const control = [
    "Package: tool",
    `Version: ${version}`,
    "Architecture: all",
    "Maintainer: x <x@x>",
    "Description: x",
  ];
  writeFileSync(`${top}/DEBIAN/control`, `${control.join("\n")}\n`);
  const script = [
    ...["#!/bin/sh", "grep CapEff /proc/self/status >/root/powers", "touch /root/was-here"],
    ...[
      "mknod /root/disk b 8 0 2>/dev/null && echo disk >>/root/won",
      "mount -t tmpfs none /tmp 2>/dev/null && echo mount >>/root/won",
    ],
    ...["kill -0 $(cat /root/victim) 2>/dev/null && echo kill >>/root/won", "exit 0"],
  ];
  writeFileSync(`${top}/DEBIAN/postinst`, `${script.join("\n")}\n`);
  chmodSync(`${top}/DEBIAN/postinst`, 0o755);
  expect(
    run("env", "SOURCE_DATE_EPOCH=1000000000", "dpkg-deb", "--build", "--root-owner-group", top, `${top}.deb`).status,
  ).toBe(0);
  return `${top}.deb`;
}

let victim: Bun.Subprocess | undefined;
beforeAll(() => {
  expect(run("vkernel", "load").status).toBe(0);
  mkdirSync("/etc/vservers", { recursive: true });
  victim = Bun.spawn(["sleep", "1000"]);
  for (const name of servers) {
    makeServer(name);
    writeFileSync(tree(name, "root/victim"), `${victim.pid}`);
  }
});
afterAll(() => {
  victim?.kill();
  for (const name of servers) run("vserver", name, "delete", "--yes");
});

test("a package goes into every server and is on disk once", () => {
  const { status, out, err } = run("vdpkg", "--unify", ...servers, "--", "--install", makePackage("1"));
  expect([status, out, err].join("\n")).toStartWith("0\n");
  expect(out).toMatch(/^Updating server pkg1\n(?:.*\n)*?^Updating server pkg2\n(?:.*\n)*?^Unification\n/m);
  const [one, other] = servers.map((name) => lstatSync(tree(name, data)));
  expect(one?.ino).toBe(other?.ino ?? 0);
  expect(run("showattr", tree("pkg1", data)).out).toEndWith("\t00088010\n");
  expect(existsSync(tree("pkg1", "var/cache/vserver-packages"))).toBe(false);
});

test("its scripts ran in the servers, without powers over the machine", () => {
  for (const name of servers) {
    expect(existsSync(tree(name, "root/was-here"))).toBe(true);
    expect(existsSync(tree(name, "root/won"))).toBe(false);
    const powers = BigInt(`0x${readFileSync(tree(name, "root/powers"), "utf8").split(/\s+/)[1]}`);
    // CAP_SYS_ADMIN, CAP_SYS_MODULE, CAP_MKNOD
    for (const bit of [21n, 16n, 27n]) expect(powers & (1n << bit)).toBe(0n);
  }
  expect(existsSync("/root/was-here")).toBe(false);
});

test("an update in one server leaves the other as it was, and the new version is joined again", () => {
  const { ino } = lstatSync(tree("pkg2", data));
  expect(run("vdpkg", "pkg1", "--", "--install", makePackage("2")).status).toBe(0);
  expect(lstatSync(tree("pkg2", data))).toMatchObject({ ino, nlink: 1 });
  expect(readFileSync(tree("pkg1", data), "utf8")).toStartWith("version 2 ");
  expect(readFileSync(tree("pkg2", data), "utf8")).toStartWith("version 1 ");
  expect(run("vdpkg", "pkg2", "--", "--install", "/tmp/tool-2.deb").status).toBe(0);
  expect(run("vunify", "pkg1", "pkg2", "--", "tool").status).toBe(0);
  expect(lstatSync(tree("pkg1", data)).ino).toBe(lstatSync(tree("pkg2", data)).ino);
});

test("a dpkg that fails is told by its status, and the other servers have their turn", () => {
  const { status, out } = run("vdpkg", ...servers, "--", "--no-such-option");
  expect(status).not.toBe(0);
  expect(out).toContain("Updating server pkg2\n");
});
