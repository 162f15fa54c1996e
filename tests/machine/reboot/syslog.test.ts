/** SYSLOG=main: a server's messages stand in the main server's log, each on one line and in its own name, and cannot flood it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const log = "/tmp/relayed";
let manager: Bun.Subprocess;
let syslog: Bun.Subprocess;

const lines = (): readonly string[] => readFileSync(log, "utf8").split("<").filter(Boolean);
const logger = (server: string, ...words: string[]) => run("vserver", server, "exec", "logger", ...words);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(100);
}

beforeAll(async () => {
  expect(run("vkernel", "load").status).toBe(0);
  syslog = Bun.spawn(["socat", "-u", "UNIX-RECV:/dev/log,mode=666", `OPEN:${log},creat,append`]);
  run("mkdir", "-p", "/run/vserver");
  makeSmall("talks", { conf: "IPROOT=0.0.0.0\nSYSLOG=main\n" });
  makeSmall("quiet");
  await until(() => existsSync("/dev/log"));
});

afterAll(() => {
  for (const name of ["talks", "quiet"]) run("vserver", "--silent", name, "stop");
  manager.kill();
  syslog.kill();
});

test("without rebootmgr the start says that the messages go nowhere", () => {
  expect(run("vserver", "--silent", "talks", "start")).toMatchObject({
    status: 0,
    err: expect.stringContaining("start rebootmgr"),
  });
  expect(run("vserver", "--silent", "talks", "stop").status).toBe(0);
});

test("what logger says in the server is in the log, with the server's name; another server has no /dev/log of ours", async () => {
  manager = Bun.spawn(["rebootmgr"]);
  for (const name of ["talks", "quiet"]) {
    expect(run("vserver", "--silent", name, "start")).toMatchObject({
      status: 0,
      err: expect.not.stringContaining("nowhere"),
    });
  }
  expect(logger("talks", "-t", "httpd", "hello there").status).toBe(0);
  await until(() => lines().some((line) => /^\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d talks\/httpd: hello there$/.test(line)));
  expect(run("vserver", "quiet", "exec", "test", "-e", "/dev/log").status).toBe(1);
});

test("a message cannot pass for one of the main server's kernel, nor for two", async () => {
  const forged = "<0>Jan  1 00:00:00 kernel: panic";
  run("vserver", "talks", "exec", "logger", "-p", "kern.emerg", `first\n${forged}`);
  await until(() => readFileSync(log, "utf8").includes("panic"));
  const [line = ""] = readFileSync(log, "utf8").split("\n").slice(-1);
  expect(line).toContain("talks/");
  expect(readFileSync(log, "utf8")).not.toMatch(/^<0>/m);
});

test("a flood is cut and counted; the daemon goes on", async () => {
  const before = lines().length;
  run("vserver", "talks", "exec", "sh", "-c", "seq 3000 | sed 's/^/flood /' | logger");
  await Bun.sleep(1500);
  expect(logger("talks", "-t", "after", "still here").status).toBe(0);
  await until(() => lines().some((line) => line.includes("talks/after: still here")));
  expect(lines().length - before).toBeLessThan(3000);
  expect(manager.exitCode).toBeNull();
});
