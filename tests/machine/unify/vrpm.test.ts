/** vrpm: a distribution of rpm packages in two servers, each with an rpm of its own, whose scripts have no powers over the machine. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { escapePackage, hostilePackage, machinesPowers, powersOf } from "../../build/hostile.ts";
import { makeDistribution, makePackage, put } from "../../build/packages.ts";
import { run } from "../small.ts";

const servers = ["redhat1", "redhat2"];
const tree = (name: string, path: string) => `/vservers/${name}/${path}`;
const work = "/tmp/vrpm";
const secret = `${work}/secret`;
const data = "opt/tool/data";

const thing = (version: string) =>
  makePackage(work, `${work}/more`, {
    ...{ name: "thing", version, requires: ["base"], post: `echo ${version} >>/root/versions` },
    fill: (root) => put(root, data, `version ${version} `.repeat(2000)),
  });

const statuses = (...words: readonly string[]) => {
  const { status, out, err } = run(...words);
  return { status, said: status === 0 ? "" : out + err };
};
const well = { status: 0, said: "" };

let victim: Bun.Subprocess | undefined;
beforeAll(() => {
  expect(run("vkernel", "load").status).toBe(0);
  mkdirSync(work);
  writeFileSync(secret, "told\n");
  victim = Bun.spawn(["sleep", "1000"]);
  const [first = "", second = ""] = servers;
  expect(statuses("vserver", first, "build", "--method", "rpm", makeDistribution(work))).toEqual(well);
  writeFileSync(`/etc/vservers/${first}.conf`, "IPROOT=0.0.0.0\n");
  writeFileSync(`/etc/vservers/${second}.conf`, "IPROOT=0.0.0.0\n");
  expect(statuses("vserver", second, "build", "--method", "clone", "--unify", first)).toEqual(well);
});
afterAll(() => {
  victim?.kill();
  for (const name of servers) {
    run("vserver", "--silent", name, "stop");
    run("vserver", name, "delete", "--yes");
  }
  rmSync(work, { recursive: true, force: true });
});

const packages = (name: string) =>
  run("vserver", "--silent", name, "exec", "rpm", "-qa", "--queryformat", "%{NAME} ").out;

test("a server of rpm packages starts, its rpm knows what is in it, and it stops", () => {
  expect(statuses("vserver", "redhat1", "start")).toEqual(well);
  expect(packages("redhat1").trim().split(" ").sort()).toEqual(["base", "rpm"]);
  expect(run("vserver", "redhat1", "running").status).toBe(0);
  expect(run("vps", "ax").out).toMatch(/redhat1.* sleep 100000\n/);
  expect(statuses("vserver", "redhat1", "stop")).toEqual(well);
});

test("a package goes into every server and is on disk once", () => {
  const { status, out, err } = run("vrpm", "--unify", ...servers, "--", "--install", thing("1"));
  expect([status, out, err].join("\n")).toStartWith("0\n");
  expect(out).toMatch(/^Updating server redhat1\n(?:.*\n)*?^Updating server redhat2\n(?:.*\n)*?^Unification\n/m);
  const [one, other] = servers.map((name) => lstatSync(tree(name, data)));
  expect([one?.nlink, one?.ino]).toEqual([2, other?.ino]);
  expect(run("showattr", tree("redhat1", data)).out).toEndWith("\t00088010\n");
});

test("an update in one server leaves the other as it was, and --unify unites them again", () => {
  const { ino } = lstatSync(tree("redhat2", data));
  expect(statuses("vrpm", "redhat1", "--", "--upgrade", thing("2"))).toEqual(well);
  expect(lstatSync(tree("redhat2", data))).toMatchObject({ ino, nlink: 1 });
  expect(readFileSync(tree("redhat1", data), "utf8")).toStartWith("version 2 ");
  expect(readFileSync(tree("redhat2", data), "utf8")).toStartWith("version 1 ");
  // The first has it already: only the other one changes.
  expect(statuses("vrpm", "--unify", ...servers, "--", "--upgrade", "--replacepkgs", thing("2"))).toEqual(well);
  const [one, other] = servers.map((name) => lstatSync(tree(name, data)));
  expect([one?.nlink, one?.ino]).toEqual([2, other?.ino]);
  expect(readFileSync(tree("redhat2", data), "utf8")).toStartWith("version 2 ");
});

test("scripts of a package run in the server, and have no power over the machine or the other server", () => {
  const program = lstatSync(tree("redhat1", "usr/bin/env"));
  expect([program.nlink, program.ino]).toEqual([2, lstatSync(tree("redhat2", "usr/bin/env")).ino]);
  const target = { secret, victim: victim?.pid ?? 0, program: "/usr/bin/env", place: "/." };
  const hostile = hostilePackage({
    ...target,
    reserved: ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname"],
  });
  const files = [escapePackage(work), hostile].map((one) => makePackage(work, `${work}/more`, one));
  expect(statuses("vrpm", "redhat1", "--", "--install", ...files)).toEqual(well);
  const said = (path: string) => readFileSync(tree("redhat1", path), "utf8");
  expect(said("root/won")).toBe("");
  // A server's root is no chroot, which could be left.
  expect(said("root/escape")).toBe("");
  expect(powersOf(said("root/status")) & machinesPowers).toBe(0n);
  expect(said("root/proc").split("\n")).not.toContain(String(victim?.pid));
  expect(victim?.exitCode).toBe(null);
  expect(lstatSync(tree("redhat2", "usr/bin/env"))).toMatchObject({ size: program.size, mtimeMs: program.mtimeMs });
  for (const path of ["opt/hostile", "root/won"]) expect(existsSync(tree("redhat2", path))).toBe(false);
  // What the script has left behind is the server's, and ends with it.
  for (const name of ["redhat1", "redhat2"]) run("vserver", "--silent", name, "stop");
  expect(run("chcontext", "--silent", "--ctx", "1", "ps", "ax").out).not.toContain("sleep 98765");
});

test("an rpm that fails is told by its status, and the other servers have their turn", () => {
  const { status, out } = run("vrpm", ...servers, "--", "--erase", "no-such-package");
  expect(status).not.toBe(0);
  expect(out).toContain("Updating server redhat2\n");
});
