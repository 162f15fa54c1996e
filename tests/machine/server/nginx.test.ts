/** Two servers and the main server run the distribution's own nginx at once, and neither sees nor reaches into another. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const main = "10.0.0.1";
const servers = { duo1: "10.0.0.2", duo2: "10.0.0.3" } as const;
const archive = "/var/cache/vserver/debian-nginx.tar";

function run(...words: string[]): { readonly status: number; readonly out: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(words, {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 50_000,
  });
  return { status: exitCode, out: stdout.toString() + stderr.toString() };
}

const inside = (server: string, ...words: string[]) => run("vserver", server, "exec", ...words);
const page = (address: string) => run("curl", "-s", "--max-time", "10", `http://${address}/`).out.trim();

beforeAll(() => {
  expect(
    run("vserver", "duo1", "build", "--method", "tar", "--interface", `eth0:${servers.duo1}/24`, archive),
  ).toMatchObject({ status: 0 });
  expect(
    run("vserver", "duo2", "build", "--method", "clone", "--interface", `eth0:${servers.duo2}/24`, "duo1"),
  ).toMatchObject({ status: 0 });
  for (const server of Object.keys(servers))
    writeFileSync(`/vservers/${server}/var/www/html/index.html`, `I am ${server}\n`);
  for (const server of Object.keys(servers)) expect(run("vserver", server, "start")).toMatchObject({ status: 0 });
  run("mkdir", "-p", "/var/www/html");
  writeFileSync("/var/www/html/index.html", "I am main\n");
  expect(run("chbind", "--ip", main, "nginx").out).toContain(`ipv4root is now ${main}`);
}, 240_000);

afterAll(() => {
  run("killall", "nginx");
  for (const server of Object.keys(servers)) run("vserver", "--silent", server, "stop");
}, 120_000);

test("three unmodified nginx on 0.0.0.0:80 answer each at its own address", () => {
  expect(page(main)).toBe("I am main");
  expect(page(servers.duo1)).toBe("I am duo1");
  expect(page(servers.duo2)).toBe("I am duo2");
});

test("each side sees one nginx, context 1 all three", () => {
  const masters = (text: string) => text.split("nginx: master").length - 1;
  expect(masters(run("ps", "ax").out)).toBe(1);
  for (const server of Object.keys(servers)) expect(masters(inside(server, "ps", "ax").out)).toBe(1);
  expect(masters(run("chcontext", "--silent", "--ctx", "1", "ps", "ax").out)).toBe(3);
});

test("root of a server cannot leave through process 1, mount, change the machine, or open a device", () => {
  const script = `
    ls /proc/1/root/ && echo LEFT; cat /proc/1/environ && echo READ
    mount -t tmpfs none /mnt && echo MOUNTED; mknod /tmp/sda b 8 0 && echo MADE
    echo x >/proc/sys/kernel/core_pattern && echo WROTE; echo b >/proc/sysrq-trigger; hostname evil && echo NAMED
    unshare -m true && echo UNSHARED; kill -0 $(cat /proc/sys/kernel/ns_last_pid) && echo SIGNALLED; true`;
  const { out } = inside("duo1", "sh", "-c", script);
  for (const word of ["LEFT", "READ", "MOUNTED", "MADE", "WROTE", "NAMED", "UNSHARED", "SIGNALLED"])
    expect(out).not.toContain(word);
});

test("a command in a server has no descriptor but 0 to 2, by every way in", () => {
  // The fourth is the directory that ls has open.
  const expected = "0\n1\n2\n3";
  expect(inside("duo1", "ls", "/proc/self/fd").out.trim()).toBe(expected);
  expect(run("vexec", "duo1", "ls", "/proc/self/fd").out.trim()).toBe(expected);
});

test("exec, suexec and vexec return the command's own status", () => {
  expect(inside("duo1", "sh", "-c", "exit 7").status).toBe(7);
  expect(run("vexec", "duo1", "sh", "-c", "exit 8").status).toBe(8);
  expect(run("vserver", "duo1", "suexec", "www-data", "id", "-un").out.trim()).toBe("www-data");
});

test("starting what runs changes nothing, and running says so", () => {
  expect(run("vserver", "duo1", "start")).toMatchObject({ status: 0 });
  expect(run("vserver", "duo1", "running")).toMatchObject({ status: 0, out: "Server duo1 is running\n" });
  expect(page(servers.duo1)).toBe("I am duo1");
});

test("killall in one place leaves the others alone; stop takes everything away; the next start brings it back", () => {
  const contexts = () => readFileSync("/run/vserver/bpf/active/contexts", "utf8").split("\n").filter(Boolean).length;
  const before = contexts();
  inside("duo1", "killall", "nginx");
  expect(page(servers.duo2)).toBe("I am duo2");
  expect(page(main)).toBe("I am main");
  expect(run("vserver", "duo1", "stop")).toMatchObject({ status: 0 });
  expect(existsSync("/run/vserver/duo1")).toBe(false);
  expect(run("ip", "-brief", "address").out).not.toContain(servers.duo1);
  expect(contexts()).toBe(before - 1);
  expect(run("vserver", "duo1", "running")).toMatchObject({ status: 1 });
  expect(run("vserver", "duo1", "start")).toMatchObject({ status: 0 });
  expect(page(servers.duo1)).toBe("I am duo1");
}, 120_000);

test("a start that is killed at any moment leaves nothing that the next one does not mend", async () => {
  run("vserver", "--silent", "duo2", "stop");
  for (const delay of [150, 400, 700, 1000, 1500]) {
    const child = Bun.spawn(["vserver", "--silent", "duo2", "start"], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    await Bun.sleep(delay);
    child.kill("SIGKILL");
    await child.exited;
  }
  expect(run("vserver", "duo2", "stop")).toMatchObject({ status: 0 });
  expect(run("vserver", "duo2", "start")).toMatchObject({ status: 0 });
  expect(page(servers.duo2)).toBe("I am duo2");
}, 240_000);
