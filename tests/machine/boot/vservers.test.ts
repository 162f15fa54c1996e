/** All servers at once: in order, one line each, and one that fails stops no other. */
import { beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const order = "/tmp/boot-order";
/** Every start and stop notes when it happens. */
const hook = `#!/bin/sh\necho "$1 $2" >>${order}\n`;

function make(name: string, conf: string): void {
  makeSmall(name, { conf: `IPROOT=0.0.0.0\n${conf}` });
  writeFileSync(`/etc/vservers/${name}.sh`, hook);
  chmodSync(`/etc/vservers/${name}.sh`, 0o755);
}

const events = (phase: string): string[] =>
  readFileSync(order, "utf8")
    .split("\n")
    .filter((line) => line.startsWith(`${phase} `))
    .map((line) => line.slice(phase.length + 1));

beforeAll(() => {
  run("sh", "-c", "rm -f /etc/vservers/*");
  make("late", "ONBOOT=yes\nPRIORITY=200\n");
  make("early", "ONBOOT=yes\nPRIORITY=5\n");
  make("mid-a", "ONBOOT=yes\n");
  make("mid-b", "ONBOOT=yes\n");
  make("never", "ONBOOT=no\n");
  make("broken", "ONBOOT=yes\nPRIORITY=1\n");
  writeFileSync("/etc/vservers/broken.sh", "#!/bin/sh\nexit 1\n");
  makeSmall("wrong", { conf: "IPROOT=$(reboot)\n" });
});

test("start: by PRIORITY, only ONBOOT=yes, a line for each; what fails stops nothing and is told", () => {
  const { status, out, err } = run("vservers", "--jobs", "2", "start");
  expect(status).toBe(1);
  for (const name of ["early", "mid-a", "mid-b", "late"]) {
    expect(out.match(new RegExp(`^${name}: started \\(`, "gm"))).toHaveLength(1);
  }
  expect(out).toContain("never: not configured for on boot start");
  expect(err).toMatch(/^broken: failed: /m);
  expect(err).toMatch(/^wrong: failed: \/etc\/vservers\/wrong\.conf:1:8: /m);
  const [first, second, third, fourth] = events("post-start");
  expect([first, fourth]).toEqual(["early", "late"]);
  expect([second, third].sort()).toEqual(["mid-a", "mid-b"]);
});

test("status says of each whether it runs and whether it starts with the machine", () => {
  const { out } = run("vservers", "status");
  expect(out).toContain("ONBOOT=yes  Server early is running\n");
  expect(out).toContain("ONBOOT=no   Server never is not running\n");
  const all = JSON.parse(run("vservers", "--json", "status").out) as { name: string; running: boolean }[];
  expect(all.filter((one) => one.running).map((one) => one.name)).toEqual(["early", "mid-a", "mid-b", "late"]);
});

test("reload leaves alone what runs and starts what is missing", () => {
  run("vserver", "--silent", "mid-b", "stop");
  const { out } = run("vservers", "reload");
  expect(out).toContain("early: was running");
  expect(out).toContain("mid-b: started");
});

test("the System V script stops all in reverse order, whatever ONBOOT says, and nothing of them is left", () => {
  expect(run("vserver", "--silent", "never", "start").status).toBe(0);
  rmSync(order);
  expect(run("/etc/init.d/vservers", "stop")).toMatchObject({ status: 0 });
  const stopped = events("post-stop");
  expect(stopped).toHaveLength(5);
  expect([stopped[0], stopped[4]]).toEqual(["late", "early"]);
  expect(stopped.slice(1, 4).sort()).toEqual(["mid-a", "mid-b", "never"]);
  for (const name of stopped) expect(existsSync(`/run/vserver/${name}`)).toBe(false);
});

test("BACKGROUND=yes: start returns and goes on", async () => {
  writeFileSync("/etc/vservers.conf", "BACKGROUND=yes\nPARALLEL=3\n");
  const { status, out } = run("vservers", "start");
  expect({ status, out }).toEqual({ status: 0, out: expect.stringContaining("in the background") });
  while (!/^late: started/m.test(readFileSync("/var/log/vservers.log", "utf8"))) await Bun.sleep(200);
  rmSync("/etc/vservers.conf");
  expect(run("vserver", "late", "running").status).toBe(0);
  expect(run("vservers", "stop").status).toBe(0);
});
