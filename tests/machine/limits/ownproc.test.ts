/** PROC=own: what a server reads about memory, processors, load and uptime is its own; everybody else reads the machine's. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parts, type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

beforeAll(async () => {
  await makeServer("own", "S_CONTEXT=738\nPROC=own\nMEMORY=128M\nCPUSET=0-1\nCPU_MAX=60%");
  await makeServer("plainproc", "S_CONTEXT=739\nMEMORY=128M");
  for (const name of ["own", "plainproc"])
    expect(await type(`vserver --silent ${name} start`)).toMatchObject({ status: 0 });
}, 240_000);
afterAll(async () => {
  for (const name of ["own", "plainproc"]) await removeServer(name);
});

const inside = async (script: string, server = "own") =>
  (await type(`vserver ${server} exec sh -c '${script}'`)).output.trim();
const kilobytes = (text: string, key: string) => Number(new RegExp(`^${key}: +(\\d+) kB$`, "m").exec(text)?.[1]);

test("free and /proc/meminfo tell its limit and what it uses of it, the page cache as the kernel counts it", async () => {
  const { output } = await type(`
    vserver own exec sh -c 'dd if=/dev/zero of=/tmp/cached bs=1M count=30 status=none; cat /tmp/cached >/dev/null'
    sleep 3; echo == inside; vserver own exec sh -c 'cat /proc/meminfo; free -k'
    echo == used; cat /sys/fs/cgroup/vserver-own/memory.current
    echo == stat; cat /sys/fs/cgroup/vserver-own/memory.stat; rm /vservers/own/tmp/cached`);
  const { inside: seen = "", used = "", stat = "" } = parts(output);
  expect(kilobytes(seen, "MemTotal")).toBe(128 * 1024);
  const cached = Number(/^file (\d+)$/m.exec(stat)?.[1]) / 1024;
  expect(cached).toBeGreaterThan(30 * 1024);
  const near = (value: number, expected: number) => Math.abs(value - expected) < 4096;
  expect(near(kilobytes(seen, "Cached"), cached)).toBe(true);
  expect(near(kilobytes(seen, "MemFree"), 128 * 1024 - Number(used) / 1024)).toBe(true);
  expect(kilobytes(seen, "MemAvailable")).toBeGreaterThan(kilobytes(seen, "MemFree") + 28 * 1024);
  expect(seen).toMatch(/^Mem: +131072 /m);
  expect(kilobytes(seen, "SwapTotal")).toBe(0);
});

test("it sees as many processors as its share is worth, and more when it is given more", async () => {
  const count = "grep -c ^processor /proc/cpuinfo; cat /sys/devices/system/cpu/online";
  expect(await inside(count)).toBe("1\n0");
  await type("vlimit own --cpu-max 150%");
  expect(await inside(count)).toBe("2\n0-1");
  await type("vlimit own --cpuset 1 --cpu-max unlimited");
  expect(await inside(`${count}; nproc`)).toBe("1\n0\n1");
});

test("uptime is the server's", async () => {
  const { output } = await type(`
    echo == inside; vserver own exec cat /proc/uptime; echo == machine; cat /proc/uptime`);
  const { inside: seen = "", machine = "" } = parts(output);
  const [age = Number.NaN] = seen.split(" ").map(Number);
  expect(age).toBeGreaterThan(1);
  expect(age).toBeLessThan(Number(machine.split(" ")[0]) - 5);
});

test("ps tells the age of its processes", async () => {
  const age = Number(await inside("sleep 2; ps -o etimes= -p $$"));
  expect(age).toBeGreaterThanOrEqual(2);
  expect(age).toBeLessThan(60);
});

test("the load average is that of its own processes", async () => {
  const { output } = await type(`
    busy=; for i in 1 2 3 4; do taskset -c 0 python3 -c 'while True: pass' >/dev/null 2>&1 & busy="$busy $!"; done
    echo == quiet; vserver own exec cat /proc/loadavg
    vserver own exec sh -c 'for i in 1 2 3; do python3 -c "while True: pass" & done; sleep 16; cat /proc/loadavg; top -b -n 2 -d 1 | grep -E "^top|^MiB"; kill 0' >busy
    kill $busy; echo == busy; cat busy; rm busy`);
  const { quiet = "", busy = "" } = parts(output);
  const load = (text: string) => Number(text.split(" ")[0]);
  expect(load(quiet)).toBeLessThan(2);
  // Three busy ones for three samples of five seconds: 1 - e^(-15/60) of them at least.
  expect(load(busy)).toBeGreaterThan(0.5);
  expect(load(busy)).toBeLessThan(5);
  // As often as it looks.
  expect(busy.match(/load average: \d+\.\d\d, /g)).toHaveLength(2);
  expect(busy.match(/MiB Mem : +128\.0 total/g)).toHaveLength(2);
});

test("a server without it, and the main server, read the machine's", async () => {
  const [main = "", other = ""] = [
    (await type("grep MemTotal /proc/meminfo; grep -c ^processor /proc/cpuinfo")).output.trim(),
    await inside("grep MemTotal /proc/meminfo; grep -c ^processor /proc/cpuinfo", "plainproc"),
  ];
  expect(other).toBe(main);
  expect(kilobytes(main, "MemTotal")).toBeGreaterThan(1024 ** 2);
});

test("root of the server changes nothing of it, and opens nothing else through it", async () => {
  const seen = await inside(`
    for file in meminfo loadavg uptime swaps cpuinfo; do
      echo x >/proc/$file && echo WROTE $file; rm -f /proc/$file && echo REMOVED $file; chmod 666 /proc/$file && echo CHANGED $file
      umount /proc/$file && echo UNMOUNTED $file; done
    ls /dev/shm; findmnt -n -o OPTIONS /proc/meminfo`);
  expect(seen).not.toMatch(/WROTE|REMOVED|CHANGED|UNMOUNTED|records|call/);
  expect(seen).toMatch(/^ro,/m);
  expect(readFileSync("/sys/fs/cgroup/vserver-own/memory.max", "utf8").trim()).toBe(String(128 * 1024 ** 2));
});

test("nothing of it stays when the server is stopped", async () => {
  const { output } = await type(`
    vserver --silent own stop; echo == state; ls /run/vserver/own; echo == map
    bpftool map dump pinned /run/vserver/bpf/active/own_procs | grep -c key; vserver --silent own start`);
  const seen = parts(output);
  expect(seen["state"]).toContain("No such file");
  expect(seen["map"]).toBe("0");
});
