/** A server's root restarts and stops his own server, by every word he knows for it, and no other server by any. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, cpSync, existsSync, readFileSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const log = "/tmp/syslog";
let manager: Bun.Subprocess;
let syslog: Bun.Subprocess;

const started = (name: string): number | undefined =>
  existsSync(`/run/vserver/${name}/state.json`)
    ? (JSON.parse(readFileSync(`/run/vserver/${name}/state.json`, "utf8")) as { started: number }).started
    : undefined;
const isUp = (name: string): boolean => run("vserver", name, "running").status === 0;
const logged = (): string => readFileSync(log, "utf8");

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(100);
}

/** Runs `words` in the server and waits for the start after this one. */
async function restartsBy(name: string, ...words: string[]): Promise<void> {
  const before = started(name);
  run("vexec", name, ...words);
  await until(() => started(name) !== undefined && started(name) !== before && isUp(name));
}

/** Runs `words` in the server and waits for its end; then it is started again. */
async function stopsBy(name: string, ...words: string[]): Promise<void> {
  run("vexec", name, ...words);
  await until(() => started(name) === undefined);
  expect(run("vserver", "--silent", name, "start").status).toBe(0);
}

function withReboot(name: string): void {
  makeSmall(name);
  cpSync("/usr/lib/vserver/vreboot", `/vservers/${name}/sbin/vreboot`);
  run("ln", "-s", "vreboot", `/vservers/${name}/sbin/vhalt`);
}

beforeAll(async () => {
  expect(run("vkernel", "load").status).toBe(0);
  syslog = Bun.spawn(["sh", "-c", `exec socat -u UNIX-RECV:/dev/log,mode=666 OPEN:${log},creat,append`]);
  manager = Bun.spawn(["rebootmgr", "--pidfile", "/run/rebootmgr.pid"]);
  run("musl-gcc", "-static", "-w", "-o", "/tmp/hostile", "/src/tests/machine/reboot/hostile.c");
  for (const name of ["boot1", "boot2"]) {
    withReboot(name);
    cpSync("/tmp/hostile", `/vservers/${name}/bin/hostile`);
    expect(run("vserver", "--silent", name, "start").status).toBe(0);
  }
  await until(() => existsSync("/run/vserver/.served/boot2/reboot"));
});

afterAll(async () => {
  manager.kill();
  syslog.kill();
  for (const name of ["boot1", "boot2"]) run("vserver", "--silent", name, "stop");
  // Two do not serve at a time, and the next test has one.
  await manager.exited;
});

test("vreboot restarts its server, vhalt stops it; the other one is not touched; both are logged in the words of 2003", async () => {
  const other = started("boot2");
  await restartsBy("boot1", "vreboot");
  await stopsBy("boot1", "vhalt");
  expect(started("boot2")).toBe(other);
  expect(logged()).toContain("reboot vserver boot1");
  expect(logged()).toContain("halt vserver boot1");
});

test("reboot(2) itself, by an unmodified reboot, halt and poweroff", async () => {
  await restartsBy("boot1", "reboot", "-f");
  await stopsBy("boot1", "halt", "-f");
  await stopsBy("boot1", "poweroff", "-f");
});

test("the request of System V's shutdown through /run/initctl", async () => {
  // struct init_request: magic, command 1 (run level), level 6.
  const request = `printf '\\151\\031\\011\\003\\001\\000\\000\\000\\066\\000\\000\\000' >/tmp/r
    dd if=/dev/zero bs=1 count=372 >>/tmp/r 2>/dev/null; cat /tmp/r >/run/initctl`;
  await restartsBy("boot1", "sh", "-c", request);
});

test("a server that is stopped or restarted from outside, and calls reboot(2) on its way, is not stopped a second time", async () => {
  appendFileSync("/vservers/boot1/etc/init.d/rc", "[ $1 = 0 ] && halt -f\n");
  expect(run("vserver", "--silent", "boot1", "restart").status).toBe(0);
  const after = started("boot1");
  expect(after).toBeDefined();
  await until(() => !run("pgrep", "-P", String(manager.pid)).out.trim());
  await Bun.sleep(3000);
  expect([started("boot1"), isUp("boot1")]).toEqual([after, true]);
});

test("a user of the server who is not its root can ask for nothing", async () => {
  const before = started("boot1");
  const asked = run("vserver", "boot1", "suexec", "guest", "sh", "-c", "vreboot; reboot -f; echo x >/run/initctl");
  expect(asked.err).toContain("Permission denied");
  await Bun.sleep(1000);
  expect(started("boot1")).toBe(before);
});

test("a hostile server: garbage, a thousand connections, silence; the log stays short, the daemon small, the others are served", async () => {
  const before = logged().split("\n").length;
  const child = Bun.spawn(
    ["vexec", "boot1", "sh", "-c", "dd if=/dev/zero of=/run/initctl bs=4096 count=64 2>/dev/null; exec hostile"],
    { stdio: ["ignore", "ignore", "ignore"] },
  );
  await restartsBy("boot2", "vreboot");
  // It is through with its garbage, and holds all the connections it can get.
  await until(() => existsSync("/vservers/boot1/tmp/held") || child.exitCode !== null);
  await restartsBy("boot2", "vreboot");
  expect(logged().split("\n").length - before).toBeLessThan(30);
  const resident = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${manager.pid}/status`, "utf8"))?.[1]);
  console.log(`resident memory of rebootmgr: ${resident} kB`);
  expect(resident).toBeLessThan(2048);
  expect(manager.exitCode).toBeNull();
  run("vserver", "--silent", "boot1", "stop");
  expect(run("vserver", "--silent", "boot1", "start").status).toBe(0);
});

test("after the daemon itself was restarted, servers that ran all the time are served", async () => {
  manager.kill();
  await manager.exited;
  expect(run("vexec", "boot2", "vreboot")).toMatchObject({
    status: 255,
    err: expect.stringContaining("connect /dev/reboot ("),
  });
  manager = Bun.spawn(["rebootmgr", "--pidfile", "/run/rebootmgr.pid"]);
  await until(() => run("vexec", "boot2", "test", "-S", "/dev/reboot").status === 0);
  await Bun.sleep(1000);
  await restartsBy("boot2", "vreboot");
});

test("root of a server cannot take the socket away or put another in its place", () => {
  const tried = run(
    "vexec",
    "boot2",
    "sh",
    "-c",
    "rm -f /dev/vserver/reboot && echo REMOVED; mount -o remount,rw /dev/vserver && echo WRITABLE",
  );
  expect(tried.out).toBe("");
});
