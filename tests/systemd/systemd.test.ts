/**
 * A machine whose process 1 is systemd: the units do as systemctl(1) promises, though systemd does not see a server's
 * processes; servers start and stop with the machine; and when the power goes while ten of them are starting, the next
 * boot finds nothing in its way.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parts } from "../machine/shell.ts";
import { bootTime, machine, root } from "../unit/booted.ts";

const asRoot = process.getuid?.() === 0;
const names = Array.from({ length: 10 }, (_, at) => `s${at}`);
/** Seconds of a boot that may wait for others. */
const patience = 600;

const directory = mkdtempSync(join(tmpdir(), "vserver-systemd-"));
const disk = join(directory, "disk");
const words = ["--systemd", "--keep", disk, "--timeout", String(patience), "-"];
const script = (name: string) => readFileSync(join(import.meta.dir, name), "utf8");

/** A file of the machine as its disk has it. */
const onDisk = (path: string): string =>
  Bun.spawnSync(["debugfs", "-R", `cat ${path}`, disk], { stderr: "ignore" }).stdout.toString();

/** Runs a script until it says that the power goes; then there is no machine any more. */
async function untilPowerGoes(text: string): Promise<string> {
  const child = Bun.spawn([join(root, "machine/run"), ...words], {
    stdin: new TextEncoder().encode(text),
    stdout: "pipe",
    stderr: "inherit",
  });
  let said = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += chunk;
    if (said.includes("the power goes\n")) child.kill("SIGKILL");
  }
  await child.exited;
  return said;
}

describe.skipIf(!asRoot)("systemd", () => {
  let first: Record<string, string> = {};
  let second: Record<string, string> = {};

  beforeAll(async () => {
    first = parts(await untilPowerGoes(script("first.sh")));
  }, 6 * bootTime);
  afterAll(() => rmSync(directory, { recursive: true }));

  test("finds nothing wrong with a unit, and takes each that is to be switched on", () => {
    expect(first["verify"]).toBe("0");
    expect(first["enable"]?.split("\n").sort()).toEqual(
      ["0", "rebootmgr.service", "vkernel.service", "vserver-limits.timer", "vservers.service"].sort(),
    );
  });

  test("vservers: start, reload, restart and stop mean all servers, and nothing of them is unmounted by systemd itself", () => {
    expect(first["all"]?.split("\n")).toEqual([
      "start vservers: 0 | s0 s9",
      "is-active vkernel vservers: 0 active active | s0 s9",
      "reload vservers: 0 | s0 s9",
      "restart vservers: 0 | s0 s9",
      "0",
      "stop vservers: 0 |",
      "is-active vservers: 3 inactive |",
    ]);
  });

  test("a start that is broken off leaves no server behind, those that had been started neither", () => {
    const [running, stop, active, ...left] = first["broken off"]?.split("\n") ?? [];
    expect([running, stop, active]).toEqual(["s0", "stop vservers: 0 |", "is-active vservers: 3 failed |"]);
    expect(left.join(" ")).not.toMatch(/\bs\d/);
  });

  test("vserver@NAME is that server; reload starts what was stopped by hand", () => {
    expect(first["one"]?.split("\n")).toEqual([
      "start vserver@s1: 0 | s1",
      "is-active vserver@s1: 0 active | s1",
      "reload vserver@s1: 0 | s1",
      "restart vserver@s1: 0 | s1",
      "stop vserver@s1: 0 |",
      "is-active vserver@s1: 3 inactive |",
    ]);
  });

  test("v@SERVICE takes the service's place, on its addresses alone", () => {
    expect(first["service"]?.split("\n")).toEqual([
      "before: 0 0.0.0.0:80",
      ...["start", "reload", "restart"].map((verb) => `${verb}: 0 10.0.0.1:80`),
      "active",
      "inactive",
      "stop: 0",
      "inactive",
    ]);
  });

  test("rebootmgr is started again when it dies; the limits are looked at by a timer", () => {
    expect(first["others"]?.split("\n")).toEqual(["active", "active", "inactive", "success"]);
  });

  test("the examples of the manuals: switched on and started at once", () => {
    expect(first["examples"]?.split("\n")).toEqual(["0 s0 s2 s9", "0", "0 10.0.0.1:22"]);
  });

  test(
    "the power goes while ten servers are starting: with the next boot all of them start, in their order",
    async () => {
      expect(first["power"]).toBe("the power goes");
      const { out, status } = await machine(words, script("second.sh"));
      second = parts(out);
      expect({ early: second["early"], status }).toEqual({ early: "running", status: 0 });
      const [kernel, servers, daemon, timer, ...each] = second["booted"]?.split("\n") ?? [];
      expect([kernel, servers, daemon, timer]).toEqual(["active", "active", "active", "active"]);
      expect(each.sort()).toEqual(names.map((name) => `ONBOOT=yes  Server ${name} is running`));
      const order = second["order"]?.split("\n").map((line) => line.split(" ")[0] ?? "") ?? [];
      expect([order[0], order.at(-1), order.toSorted()]).toEqual(["s0", "s9", names]);
      expect(second["again"]).toBe("10");
    },
    3 * bootTime,
  );

  test("limits are there again after the power went: those of the conf file, those of vlimit --save, and no others", () => {
    // The last has what a conf file without a limit comes to.
    expect(second["limits"]?.split("\n")).toEqual([
      "s0: 67108864 50 42 300",
      "s9: max 33 55 200",
      "s5: max 1000 100 -",
    ]);
  });

  test("with the machine they are stopped, in reverse order, each by its own scripts and under guard to the end", () => {
    const stopped = onDisk("/.machine/upper/var/log/hooks")
      .split("\n")
      .filter((line) => line.startsWith("post-stop "))
      .map((line) => line.split(" "));
    expect(stopped.every(([, , guard]) => guard === "guarded")).toBe(true);
    const order = stopped.map(([, name = ""]) => name);
    expect([order[0], order.at(-1), order.toSorted()]).toEqual(["s9", "s0", names]);
    for (const name of names) expect(onDisk(`/${name}/var/log/rc`)).toEndWith("rc 2\nrc 0\n");
  });
});
