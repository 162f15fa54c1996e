/** newvserver makes the same server from answers on a terminal and from options; nothing is made before it is confirmed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const archive = "/tmp/small.tar";

beforeAll(() => {
  makeSmall("model");
  run("tar", "-C", "/vservers/model", "-cf", archive, ".");
  run("mkdir", "-p", "/srv/shared");
  writeFileSync("/tmp/key.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample me@here\n");
  writeFileSync("/tmp/password", "correct horse\n");
});

afterAll(() => {
  for (const name of ["joined", "apart"]) run("vserver", name, "delete", "--yes");
});

/** Types into newvserver on a terminal of 80×24, waiting for each text before what follows it is typed. */
async function converse(
  words: string[],
  steps: readonly (readonly [awaited: string, keys: string])[],
): Promise<string> {
  let shown = "";
  const terminal = new Bun.Terminal({
    cols: 80,
    rows: 24,
    data: (_, bytes) => {
      shown += new TextDecoder().decode(bytes);
    },
  });
  const child = Bun.spawn(["newvserver", ...words], {
    terminal,
    env: { ...process.env, NO_COLOR: "1", TERM: "xterm" },
  });
  let from = 0;
  for (const [awaited, keys] of steps) {
    while (!shown.slice(from).includes(awaited)) {
      if (child.exitCode !== null) throw new Error(`ended before ${awaited}: ${shown}`);
      await Bun.sleep(50);
    }
    from = shown.length;
    terminal.write(keys);
  }
  const status = await child.exited;
  terminal.close();
  return `${shown}\nstatus ${status}`;
}

test("--dry-run says what would be made, and makes nothing; wrong answers are refused with their option", () => {
  const words = ["--name", "auto", "--ip", "10.0.0.44/24", "--ondev", "eth0", "--yes", "--dry-run"];
  const { status, out } = run("newvserver", ...words);
  expect({ status, out }).toEqual({ status: 0, out: expect.stringContaining("--ip 10.0.0.44/24") });
  expect(existsSync("/vservers/auto")).toBe(false);
  expect(run("newvserver", "--name", "model", "--yes")).toMatchObject({ status: 2 });
  expect(run("newvserver", "--name", "auto", "--ip", "10.0.0.256", "--yes").err).toContain("--ip");
  expect(run("newvserver", "--name", "auto")).toMatchObject({ status: 2, err: expect.stringContaining("--yes") });
});

test("from options: conf file, shared directory, key and password of root; a new root has no password otherwise", () => {
  const words = ["--name", "auto", "--desc", "made of words", "--clone", archive, "--share", "/srv/shared:/mnt"];
  const more = ["--key", "/tmp/key.pub", "--password-file", "/tmp/password", "--priority", "7", "--yes"];
  expect(run("newvserver", ...words, ...more)).toMatchObject({ status: 0, err: "" });
  const conf = readFileSync("/etc/vservers/auto.conf", "utf8");
  for (const line of ["# Description: made of words", "ONBOOT=yes", "PRIORITY=7", "IPROOT=0.0.0.0"])
    expect(conf.split("\n").map((one) => one.trim())).toContain(line);
  expect(readFileSync("/etc/vservers/auto.fstab", "utf8")).toBe("/srv/shared /mnt none bind 0 0\n");
  expect(readFileSync("/vservers/auto/root/.ssh/authorized_keys", "utf8")).toContain("ssh-ed25519");
  expect(readFileSync("/vservers/auto/etc/passwd", "utf8")).toMatch(/^root:\$6\$/);
  expect(run("newvserver", "--name", "locked", "--clone", archive, "--yes").status).toBe(0);
  expect(readFileSync("/vservers/locked/etc/passwd", "utf8")).toMatch(/^root:\*:/);
  expect(existsSync("/vservers/locked/sbin/vreboot")).toBe(true);
});

test("on a terminal: what is wrong shows while it is typed, Escape goes back, the summary shows the same command", async () => {
  const enter = "\r";
  const steps: [string, string][] = [
    ["Name of the server", "model"],
    ["there is a server of that name", "\x7f\x7f\x7f\x7f\x7ftalk"],
    ["> talk", enter],
    ["Description", "\x1b"],
    ["> talk", enter],
    ["Description", `by talking${enter}`],
    ["Made from", enter],
    ["Host name", enter],
    ["Address", enter],
    ["Network device", enter],
    ["Start it with the machine", enter],
    ["Place in the order", enter],
    ["Directories of this machine", enter],
    ["File with the public ssh key", enter],
    ["Start it now", enter],
    ["Shall it be made?", enter],
  ];
  const shown = await converse(["--clone", archive], steps);
  expect(shown).toContain(`newvserver --name talk --desc 'by talking' --clone ${archive} --yes`);
  expect(shown).toContain("status 0");
  expect(readFileSync("/etc/vservers/talk.conf", "utf8")).toContain("# Description: by talking");
});

const inode = (path: string) => lstatSync(path).ino;
const program = "bin/busybox";

test("a copy of a server shares its programs with it, protected; with --unify no it has its own", () => {
  expect(run("newvserver", "--name", "joined", "--clone", "auto", "--yes")).toMatchObject({ status: 0, err: "" });
  expect(run("newvserver", "--name", "apart", "--clone", "auto", "--unify", "no", "--yes").status).toBe(0);
  expect(inode(`/vservers/joined/${program}`)).toBe(inode(`/vservers/auto/${program}`));
  expect(inode(`/vservers/apart/${program}`)).not.toBe(inode(`/vservers/auto/${program}`));
  expect(run("showattr", `/vservers/joined/${program}`).out).toEndWith("\t00088010\n");
  expect(inode("/vservers/joined/etc/passwd")).not.toBe(inode("/vservers/auto/etc/passwd"));
  const wrong = run("newvserver", "--name", "gone", "--clone", archive, "--unify", "yes", "--yes");
  expect(wrong).toMatchObject({ status: 2, err: expect.stringContaining("--unify") });
});

test("on a terminal sharing is asked of the copy of a server alone", async () => {
  const enter = "\r";
  const steps: [string, string][] = [
    ["Name of the server", `asked${enter}`],
    ["Description", enter],
    ["Made from", enter],
    ["Share its files with the server", `\x1b[B${enter}`],
    ["Host name", "\x03"],
  ];
  expect(await converse(["--clone", "auto"], steps)).toContain("status 130");
});

test("^C gives up, and nothing was done", async () => {
  expect(
    await converse(
      [],
      [
        ["Name of the server", "gone\r"],
        ["Description", "\x03"],
      ],
    ),
  ).toContain("status 130");
  expect(existsSync("/vservers/gone")).toBe(false);
});
