/** Services that have nothing to do in a server are switched off as their own tools would, in trees of every family, and named. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beneath } from "../../linux/beneath.ts";
import { disableServices } from "./services.ts";

let top = "";
beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), "services-"));
});
afterAll(() => rmSync(top, { recursive: true }));

const put = (tree: string, path: string, text = "") => {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), text);
};
const link = (tree: string, path: string, target: string) => {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  symlinkSync(target, join(tree, path));
};

test("System V: Debian's and Red Hat's links", () => {
  const tree = join(top, "sysv");
  for (const name of ["S01hwclock.sh", "S05cron"]) link(tree, `etc/rcS.d/${name}`, "../init.d/x");
  for (const name of ["S20nginx", "S20acpid"]) link(tree, `etc/rc2.d/${name}`, "../init.d/x");
  for (const name of ["S10network", "S90crond"]) link(tree, `etc/rc.d/rc3.d/${name}`, "../init.d/x");
  for (const name of ["K20nginx", "S90reboot"]) link(tree, `etc/rc6.d/${name}`, "../init.d/x");
  put(tree, "etc/inittab", "id:2:initdefault:\n1:2345:respawn:/sbin/getty 38400 tty1\nx:2:wait:/etc/init.d/rc 2\n");
  expect(beneath(tree, (open) => disableServices(open, false))).toEqual(["acpid", "hwclock.sh", "network"]);
  expect(readdirSync(join(tree, "etc/rcS.d"))).toEqual(["S05cron"]);
  expect(readdirSync(join(tree, "etc/rc2.d")).sort()).toEqual(["K80acpid", "S20nginx"]);
  expect(readdirSync(join(tree, "etc/rc.d/rc3.d")).sort()).toEqual(["K90network", "S90crond"]);
  expect(readdirSync(join(tree, "etc/rc6.d"))).toEqual(["K20nginx"]);
  expect(readFileSync(join(tree, "etc/inittab"), "utf8")).toContain("\n#1:2345:respawn:");
});

test("systemd: units that are there are masked, others are not invented", () => {
  const tree = join(top, "systemd");
  for (const unit of ["getty@.service", "systemd-udevd.service", "nginx.service", "docker.service"])
    put(tree, `usr/lib/systemd/system/${unit}`);
  link(tree, "etc/systemd/system/systemd-udevd.service", "/dev/null");
  // Of its administrator's own: it stays.
  put(tree, "etc/systemd/system/fstrim.timer", "[Timer]\n");
  expect(beneath(tree, (open) => disableServices(open, true))).toEqual(["docker.service", "getty@.service"]);
  expect(readlinkSync(join(tree, "etc/systemd/system/getty@.service"))).toBe("/dev/null");
  expect(readdirSync(join(tree, "etc/systemd/system")).sort()).toEqual(
    ["docker.service", "fstrim.timer", "getty@.service", "systemd-udevd.service"].sort(),
  );
  expect(beneath(tree, (open) => disableServices(open, true))).toEqual([]);
});

test("OpenRC: runlevels, and what tells scripts where they are, once", () => {
  const tree = join(top, "openrc");
  put(tree, "sbin/openrc");
  chmodSync(join(tree, "sbin/openrc"), 0o755);
  const levels = { boot: ["hwclock", "modules", "bootmisc", "net.eth0"], default: ["nginx", "crond", "acpid"] };
  for (const [level, names] of Object.entries(levels))
    for (const name of names) link(tree, `etc/runlevels/${level}/${name}`, `/etc/init.d/${name}`);
  put(tree, "etc/rc.conf", '#rc_sys=""\nrc_logger="YES"\nrc_sys="lxc"\n');
  put(
    tree,
    "etc/inittab",
    "::sysinit:/sbin/openrc sysinit\ntty1::respawn:/sbin/getty 38400 tty1\n::respawn:/sbin/getty x\n",
  );
  const off = ["acpid", "hwclock", "modules", "net.eth0"];
  expect(beneath(tree, (open) => disableServices(open, false))).toEqual(off);
  expect(readdirSync(join(tree, "etc/runlevels/boot"))).toEqual(["bootmisc"]);
  expect(readdirSync(join(tree, "etc/runlevels/default")).sort()).toEqual(["crond", "nginx"]);
  const settings = '#rc_sys=""\nrc_logger="YES"\nrc_sys="vserver"\nrc_provide="loopback net"\n';
  for (let times = 0; times < 2; times++) {
    expect(readFileSync(join(tree, "etc/rc.conf"), "utf8")).toBe(settings);
    expect(beneath(tree, (open) => disableServices(open, false))).toEqual([]);
  }
  const inittab = readFileSync(join(tree, "etc/inittab"), "utf8").split("\n");
  expect(inittab.filter((line) => line.startsWith("#"))).toHaveLength(2);
});
