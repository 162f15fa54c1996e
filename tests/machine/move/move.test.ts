/** A server moves to another machine whole, and never runs on two: not when the move is cut off, not when a standby takes over. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { makeSmall, run } from "../small.ts";

const other = "root@10.9.0.2";
/** The same as a shell on the second machine would say. */
const enter = `echo $$ >$(cat /run/second/group) &&
  exec taskset -c 0 nsenter -t $(cat /run/second.pid) -m -n -u -C -- "$@"`;
const there = (...words: string[]) => run("sh", "-c", enter, "sh", ...words);
const here = (...words: string[]) => run(...words);
const runsHere = (name: string) => here("vserver", name, "running").status === 0;
const runsThere = (name: string) => there("vserver", name, "running").status === 0;
/** Its deletion may be cut off at the last step, with nothing but a note left. */
const isLeft = (name: string) => [`/vservers/${name}`, `/var/lib/vserver/${name}`].some((path) => existsSync(path));
const startsHere = (name: string) => here("vserver", "--silent", name, "start");

/** Everything about a tree that a copy can lose; sizes of directories are the file system's own. */
const fingerprint = `cd /vservers/$1 && find . | sort >/tmp/files.$$ &&
  { find . -mindepth 1 -not -type d -printf '%p %y %m %U %G %n %s %t %l\\n' | sort
    find . -mindepth 1 -type d -printf '%p %y %m %U %G %t\\n' | sort
    [ $(du -k data/hole | cut -f1) -lt 1000 ] && echo "the hole is one"
    for tool in 'getfattr -h -d -m -' getcap 'getfacl -n'; do xargs -d '\\n' $tool </tmp/files.$$ 2>/dev/null; done; }`;
const print = (on: typeof here, name: string) => on("sh", "-c", fingerprint, "sh", name).out;

function rich(name: string): void {
  makeSmall(name, { conf: "IPROOT=0.0.0.0\nONBOOT=yes\n" });
  const script = `cd /vservers/${name} && mkdir -p data && cd data && echo one >one && ln one two && ln one three &&
    setfattr -n user.note -v mine one && setfacl -m u:1234:rw one && cp /usr/bin/true cap && setcap cap_net_raw+ep cap &&
    truncate -s 40M hole && echo end >>hole && chown 12345:54321 three && ln -s /etc/shadow link && mknod null c 1 3 &&
    mkfifo pipe && touch -d 2001-02-03 old && mkdir -m 3770 shared`;
  expect(run("sh", "-c", script)).toMatchObject({ status: 0, err: "" });
  mkdirSync(`/etc/vservers/${name}.sh.d`, { recursive: true });
  writeFileSync(`/etc/vservers/${name}.sh.d/note`, "#!/bin/sh\n");
}

beforeAll(() => {
  expect(run("vkernel", "load").status).toBe(0);
  expect(run("sh", "/src/tests/machine/move/host.sh")).toMatchObject({ status: 0, err: "" });
});

// `vservers start` there has started it as well.
afterAll(() => {
  there("vserver", "--silent", "mover", "stop");
  run("sh", "-c", "kill $(cat /run/second*.pid)");
});

test("move: everything of the tree, its conf and its scripts arrives; it runs there, and is gone here", () => {
  rich("mover");
  expect(startsHere("mover").status).toBe(0);
  expect(here("vserver", "mover", "move", other)).toMatchObject({ status: 0, err: "" });
  expect([runsThere("mover"), runsHere("mover")]).toEqual([true, false]);
  expect([existsSync("/vservers/mover"), existsSync("/etc/vservers/mover.conf")]).toEqual([false, false]);
  expect(there("cat", "/etc/vservers/mover.conf").out).toContain("ONBOOT=yes");
  expect(there("test", "-e", "/etc/vservers/mover.sh.d/note").status).toBe(0);
  expect(there("vserver", "--silent", "mover", "stop").status).toBe(0);
});

test("a copy is the same in links, owners, modes, times, holes, attributes, ACLs and capabilities", () => {
  rich("twin");
  const before = print(here, "twin");
  expect(before).toContain("cap_net_raw");
  expect(before).toContain("user.note");
  expect(before).toContain("the hole is one");
  expect(here("vserver", "twin", "copy", other)).toMatchObject({ status: 0, err: "" });
  expect(print(there, "twin")).toBe(before);
});

test("a standby copy does not start, not even with the machine; sync brings it up to date, in one piece", () => {
  expect(there("vserver", "twin", "start").err).toContain("standby copy");
  expect(there("vservers", "start").out).toContain("twin: not started: it is a standby copy");
  writeFileSync("/vservers/twin/data/new", "new\n");
  run("rm", "/vservers/twin/data/old");
  expect(startsHere("twin").status).toBe(0);
  expect(here("vserver", "twin", "sync", other)).toMatchObject({ status: 0, err: "" });
  expect(there("ls", "/vservers/twin/data").out.split("\n")).toContain("new");
  expect(there("ls", "/vservers/twin/data").out.split("\n")).not.toContain("old");
  expect(there("ls", "-A", "/vservers").out).not.toContain(".moving");
});

test("takeover is refused while it runs here, and after it does not start here any more", () => {
  expect(there("vserver", "twin", "takeover")).toMatchObject({ status: 1, err: expect.stringContaining("it runs on") });
  expect([runsHere("twin"), runsThere("twin")]).toEqual([true, false]);
  expect(here("vserver", "--silent", "twin", "stop").status).toBe(0);
  expect(there("vserver", "--silent", "twin", "takeover")).toMatchObject({ status: 0, err: "" });
  expect([runsHere("twin"), runsThere("twin")]).toEqual([false, true]);
  expect(startsHere("twin")).toMatchObject({ status: 1, err: expect.stringContaining("has taken it over") });
});

test("it comes home by a move from there", () => {
  expect(there("vserver", "--silent", "twin", "move", "root@10.9.0.1")).toMatchObject({ status: 0, err: "" });
  expect([runsHere("twin"), runsThere("twin")]).toEqual([true, false]);
  expect(there("test", "-e", "/vservers/twin").status).toBe(1);
});

test("a takeover from a machine that cannot be asked wants --force", () => {
  expect(here("vserver", "--silent", "twin", "sync", other).status).toBe(0);
  const nowhere = ["--origin", "root@10.9.0.77"];
  expect(there("vserver", "twin", "takeover", ...nowhere)).toMatchObject({
    status: 1,
    err: expect.stringContaining("--force"),
  });
  expect(runsThere("twin")).toBe(false);
});

test("cut off anywhere, a move leaves at most one machine that runs the server, and the same command completes it", async () => {
  for (const delay of [500, 1500, 3000, 5000, 8000]) {
    const child = Bun.spawn(["vserver", "--silent", "twin", "move", other], { stdio: ["ignore", "ignore", "ignore"] });
    await Promise.race([child.exited, Bun.sleep(delay)]);
    child.kill("SIGKILL");
    await child.exited;
    expect(runsHere("twin") && runsThere("twin")).toBe(false);
    if (!isLeft("twin")) break;
    // Whoever tries to start it here while it is on its way must not succeed once it runs there.
    const tried = startsHere("twin").status === 0;
    expect(tried && runsThere("twin")).toBe(false);
  }
  if (isLeft("twin")) {
    if (run("vserver", "twin", "status").status === 3) startsHere("twin");
    expect(here("vserver", "--silent", "twin", "move", other)).toMatchObject({ status: 0, err: "" });
  }
  expect(isLeft("twin")).toBe(false);
  expect(there("vserver", "--silent", "twin", "start").status).toBe(0);
  expect(there("vserver", "--silent", "twin", "stop").status).toBe(0);
});

test("the examples of the manual", () => {
  const typed = (on: typeof here, line: string) => expect(on("sh", "-c", line)).toMatchObject({ status: 0, err: "" });
  makeSmall("web1");
  typed(here, "vserver web1 sync root@10.0.0.9");
  typed(there, "vserver web1 takeover --force");
  expect(runsThere("web1")).toBe(true);
  expect(there("vserver", "--silent", "web1", "delete", "--yes").status).toBe(0);
  expect(here("vserver", "web1", "delete", "--yes").status).toBe(0);
  makeSmall("web1");
  typed(here, "vserver web1 move root@10.0.0.9");
  expect(there("vserver", "--silent", "web1", "delete", "--yes").status).toBe(0);
});

test("the network goes in the middle of a move: it says so, the server is nowhere twice, and the same command completes it", async () => {
  makeSmall("cutoff");
  run("sh", "-c", "head -c 60M /dev/urandom >/vservers/cutoff/data");
  const sum = run("sha256sum", "/vservers/cutoff/data").out;
  const arriving = "/run/second/vservers/trees/.cutoff.moving/tree";
  const impatient = ["--rsh", "ssh -o ServerAliveInterval=1"];
  const move = Bun.spawn(["vserver", "--silent", "cutoff", "move", other, ...impatient], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const partly = `until find ${arriving} -name '.data.*' -size +4M 2>/dev/null | grep -q .; do sleep 0.05; done`;
  expect(run("timeout", "60", "sh", "-c", partly).status).toBe(0);
  run("ip", "link", "set", "first", "down");
  expect(await move.exited).toBe(1);
  expect(await move.stderr.text()).toMatch(/vserver cutoff: cannot send it to .*; the same command goes on .*\n$/);
  expect(startsHere("cutoff")).toMatchObject({ status: 1, err: expect.stringContaining("it is being moved to") });
  expect(there("vserver", "--silent", "cutoff", "start").status).toBe(5);
  // Back with another address: the old connections get no word of their end through, and the other one's rsync waits.
  const address = (from: string, to: string) =>
    run("sh", "-c", `ip address del ${from}/24 dev first; ip link set first up; ip address add ${to}/24 dev first`);
  address("10.9.0.1", "10.9.0.3");
  expect(run("pgrep", "-x", "rsync").status).toBe(0);
  expect(here("vserver", "--silent", "cutoff", "move", other)).toMatchObject({ status: 0, err: "" });
  expect(run("pgrep", "-x", "rsync").status).toBe(1);
  expect(there("sha256sum", "/vservers/cutoff/data").out).toBe(sum);
  expect(there("ls", "-A", "/vservers/cutoff").out).not.toContain(".data");
  expect(existsSync("/vservers/cutoff")).toBe(false);
  address("10.9.0.3", "10.9.0.1");
  expect(there("vserver", "cutoff", "delete", "--yes").status).toBe(0);
}, 300_000);

test("refused: a server of that name is there already; a name that ssh would take for an option; a running target", () => {
  makeSmall("twin");
  expect(here("vserver", "twin", "move", other).err).toContain("has a server of that name already");
  expect(startsHere("twin").status).toBe(1);
  expect(here("vserver", "twin", "move", other, "--abort")).toMatchObject({ status: 0, err: "" });
  expect(startsHere("twin").status).toBe(0);
  expect(here("vserver", "twin", "sync", "-oProxyCommand=id")).toMatchObject({ status: 2 });
  expect(here("vserver", "twin", "sync", "--", "-oProxyCommand=id")).toMatchObject({ status: 1 });
  here("vserver", "--silent", "twin", "stop");
});

test("a move whose tree is gone is no matter of another server that gets its name: it is not deleted, nor built unasked", () => {
  const removeByHand = () => run("rm", "-r", "/vservers/heir", "/etc/vservers/heir.conf");
  const build = ["vserver", "--silent", "heir", "build", "--method", "clone", "twin"];
  makeSmall("heir");
  expect(here("vserver", "--silent", "heir", "move", other, "--keep")).toMatchObject({ status: 0, err: "" });
  removeByHand();
  const refused = here(...build);
  expect(refused).toMatchObject({ status: 1, err: expect.stringContaining("it is being moved to") });
  expect(existsSync("/vservers/heir")).toBe(false);
  makeSmall("heir");
  writeFileSync("/vservers/heir/precious", "mine\n");
  const completed = here("vserver", "--silent", "heir", "move", other);
  expect(completed).toMatchObject({
    status: 1,
    err: expect.stringContaining("is not the tree whose move was cut off"),
  });
  expect(here("cat", "/vservers/heir/precious").out).toBe("mine\n");
  expect(startsHere("heir").status).toBe(1);
  removeByHand();
  expect(here("vserver", "--silent", "heir", "delete", "--yes")).toMatchObject({ status: 0, err: "" });
  expect(here(...build)).toMatchObject({ status: 0, err: "" });
  writeFileSync("/etc/vservers/heir.conf", "IPROOT=0.0.0.0\n");
  expect(startsHere("heir")).toMatchObject({ status: 0, err: "" });
  here("vserver", "--silent", "heir", "stop");
  expect(there("vserver", "--silent", "heir", "delete", "--yes").status).toBe(0);
});
