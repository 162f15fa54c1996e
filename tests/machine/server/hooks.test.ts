/** Each pre-start is followed by a post-stop before the next one, whatever becomes of the server between them. */
import { beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const log = "/tmp/owed-log";
const hook = "/etc/vservers/owed.sh";

function script(more: string): void {
  writeFileSync(hook, `#!/bin/sh\necho "$1" >>${log}\n${more}\n`);
  chmodSync(hook, 0o755);
}

/** The calls since the last question. */
function calls(): string[] {
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n").filter(Boolean) : [];
  rmSync(log, { force: true });
  return lines;
}

const vserver = (...words: string[]) => run("vserver", "--silent", "owed", ...words);

beforeAll(() => {
  makeSmall("owed");
  script("");
});

test("a server that is set up for one command", () => {
  expect(vserver("exec", "echo", "inside")).toEqual({ status: 0, out: "inside\n", err: "" });
  expect(calls()).toEqual(["pre-start", "post-stop"]);
  expect(vserver("exec", "nonesuch").status).not.toBe(0);
  expect(calls()).toEqual(["pre-start", "post-stop"]);
});

test("a server whose processes have all ended by themselves", async () => {
  expect(vserver("start").status).toBe(0);
  run("vexec", "owed", "sh", "-c", "kill $(cat /run/sleeper.pid)");
  while (vserver("running").status === 0) await Bun.sleep(50);
  expect(vserver("start").status).toBe(0);
  expect(vserver("stop").status).toBe(0);
  expect(calls()).toEqual([
    ...["pre-start", "post-start"],
    ...["post-stop", "pre-start", "post-start"],
    ...["pre-stop", "post-stop"],
  ]);
});

test("a start that cannot make the server", () => {
  writeFileSync("/etc/vservers/owed.fstab", "/nonesuch /tmp none bind\n");
  expect(vserver("start").status).toBe(1);
  rmSync("/etc/vservers/owed.fstab");
  expect(calls()).toEqual(["pre-start", "post-stop"]);
});

test("a start that is killed while a script is at work: the script ends with it, and the next start calls post-stop", async () => {
  script('[ "$1" != pre-start ] || { sleep 3; echo "woke up" >>/tmp/owed-log; }');
  const child = Bun.spawn(["vserver", "--silent", "owed", "start"], { stdio: ["ignore", "ignore", "ignore"] });
  while (!existsSync(log)) await Bun.sleep(20);
  child.kill("SIGKILL");
  await child.exited;
  script("");
  expect(vserver("start").status).toBe(0);
  await Bun.sleep(4000);
  expect(vserver("stop").status).toBe(0);
  expect(calls()).toEqual(["pre-start", "post-stop", "pre-start", "post-start", "pre-stop", "post-stop"]);
});

test("a script that fails after the fact, or at stop, is told, and keeps no server from what it is to become", () => {
  script('[ "$1" != post-start ]');
  const started = vserver("start");
  expect(started).toMatchObject({ status: 1, err: expect.stringContaining(`${hook} post-start: it ended with 1`) });
  expect(vserver("running").status).toBe(0);
  script('[ "$1" != pre-stop ]');
  const restarted = vserver("restart");
  expect(restarted).toMatchObject({ status: 1, err: expect.stringContaining(`${hook} pre-stop: it ended with 1`) });
  expect(vserver("running").status).toBe(0);
  const stopped = vserver("stop");
  expect(stopped).toMatchObject({ status: 1, err: expect.stringContaining(`${hook} pre-stop: it ended with 1`) });
  expect(vserver("running").status).toBe(1);
  script('[ "$1" != post-stop ]');
  expect(vserver("start").status).toBe(0);
  expect(vserver("stop")).toMatchObject({ status: 1, err: expect.stringContaining("post-stop: it ended with 1") });
  expect(vserver("running").status).toBe(1);
  expect(vserver("stop")).toEqual({ status: 0, out: "", err: "" });
});

test("a script that never ends delays a stop by a minute, and leaves nothing at work", () => {
  script('[ "$1" != pre-stop ] || { sleep 987654; echo "woke up"; }');
  expect(vserver("start").status).toBe(0);
  const begun = Date.now();
  const cause = `${hook} pre-stop: it was killed after 60 seconds`;
  expect(vserver("stop")).toEqual({ status: 1, out: "", err: expect.stringContaining(cause) });
  expect(Date.now() - begun).toBeGreaterThan(59_000);
  expect(Date.now() - begun).toBeLessThan(100_000);
  expect(vserver("running").status).toBe(1);
  expect(run("pgrep", "-f", "sleep 987654").out).toBe("");
  script("");
});
