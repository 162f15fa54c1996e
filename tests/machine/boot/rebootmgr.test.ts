/** The System V script of rebootmgr: whatever became of the last one, there is one afterwards, or none. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const script = "/etc/init.d/rebootmgr";
const pidFile = "/run/rebootmgr.pid";
const name = "sysv1";
const well = { status: 0, out: "", err: "" };
const running = { status: 0, out: "rebootmgr is running\n", err: "" };
const stopped = { status: 3, out: "rebootmgr is NOT running\n", err: "" };

/** Of those that have not ended, waited for or not. */
const pids = (): string[] =>
  run("pidof", "rebootmgr")
    .out.split(/\s+/)
    .filter((pid) => pid !== "" && existsSync(`/proc/${pid}/exe`));
const started = (): number =>
  existsSync(`/run/vserver/${name}/state.json`)
    ? (JSON.parse(readFileSync(`/run/vserver/${name}/state.json`, "utf8")) as { started: number }).started
    : 0;

/** There is one, and its number is in the file. */
function theOne(): string {
  expect(run(script, "status")).toEqual(running);
  const [pid = "", ...more] = pids();
  expect([readFileSync(pidFile, "utf8"), more]).toEqual([`${pid}\n`, []]);
  return pid;
}

beforeAll(() => {
  makeSmall(name);
  cpSync("/usr/lib/vserver/vreboot", `/vservers/${name}/sbin/vreboot`);
  expect(run("vkernel", "load").status).toBe(0);
  expect(run("vserver", "--silent", name, "start").status).toBe(0);
});

afterAll(() => {
  run(script, "stop");
  run("vserver", "--silent", name, "stop");
});

test("start returns when it serves, a second one changes nothing, stop returns when it is gone, and can be repeated", () => {
  expect([run(script, "status"), run(script, "stop")]).toEqual([stopped, well]);
  expect(run(script, "start")).toEqual(well);
  const pid = theOne();
  expect(existsSync(`/run/vserver/.served/${name}/reboot`)).toBe(true);
  expect([run(script, "start"), theOne()]).toEqual([well, pid]);
  expect([run(script, "stop"), pids(), run(script, "status")]).toEqual([well, [], stopped]);
  expect([run(script, "stop"), existsSync(pidFile)]).toEqual([well, false]);
});

test("restart and force-reload put another one in its place, or start one", () => {
  const seen = ["restart", "restart", "force-reload"].map((word) => {
    expect(run(script, word)).toEqual(well);
    return theOne();
  });
  expect(new Set(seen).size).toBe(3);
});

test("killed, it is not running; the next one is started over its pid file and serves", async () => {
  const pid = theOne();
  run("kill", "-KILL", pid);
  while (pids().length > 0) await Bun.sleep(20);
  expect([existsSync(pidFile), run(script, "status")]).toEqual([true, stopped]);
  expect(run(script, "start")).toEqual(well);
  expect(theOne()).not.toBe(pid);
  const before = started();
  expect(run("vexec", name, "vreboot").status).toBe(0);
  while (started() === before || started() === 0) await Bun.sleep(100);
});

test("a pid file that names nobody, somebody else or nothing is no rebootmgr, and nobody is killed for it", () => {
  run(script, "stop");
  const other = Bun.spawn(["sleep", "1000"]);
  try {
    for (const content of ["999999999\n", "", `${other.pid}\n`]) {
      writeFileSync(pidFile, content);
      expect([content, run(script, "status")]).toEqual([content, stopped]);
    }
    expect([run(script, "stop"), run(script, "start")]).toEqual([well, well]);
    theOne();
    expect([run(script, "stop"), pids()]).toEqual([well, []]);
    expect(other.exitCode).toBeNull();
  } finally {
    other.kill();
  }
});

test("one whose program was replaced by an update is known, and so is one without a pid file; there are never two", () => {
  expect(run(script, "start")).toEqual(well);
  const pid = theOne();
  const program = Bun.which("rebootmgr") ?? "";
  cpSync(program, `${program}.new`);
  run("mv", `${program}.new`, program);
  expect([run(script, "start"), theOne()]).toEqual([well, pid]);
  expect(run(script, "restart")).toEqual(well);
  const next = theOne();
  expect(next).not.toBe(pid);
  rmSync(pidFile);
  const { status, err } = run(script, "start");
  expect([status, err, pids()]).toEqual([1, expect.stringContaining("rebootmgr does not start"), [next]]);
  expect(run("rebootmgr")).toMatchObject({ status: 255, err: "rebootmgr: another one serves already\n" });
  run("kill", next);
});
