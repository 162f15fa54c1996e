/** The README's first session and every example in the man pages of the tools, run as they stand there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { byHand, elsewhere, manualExamples, readmeBlocks } from "../examples.ts";
import { type } from "./shell.ts";
import { Window } from "./window.ts";

/** The machine has no mirror to fetch a Debian from: the same server from an archive. */
const build = "vserver web1 build --method tar /var/cache/vserver/debian-nginx.tar --interface eth0:10.0.0.2/24";

beforeAll(async () => {
  await type("vkernel load");
});

test("the README's first session", async () => {
  const lines = readmeBlocks().find(({ heading }) => heading === "A first session")?.lines ?? [];
  const window = await Window.open("root");
  const shown: Record<string, string> = {};
  for (const line of lines.filter((one) => !byHand.includes(one))) {
    const isBuild = /^vserver web1 build /.test(line);
    if (elsewhere[line] !== undefined && !isBuild) continue;
    const typed = isBuild ? build : line;
    const output = await window.type(typed);
    shown[line] = output;
    expect(`${line}: ${await window.type("echo $?")}`).toBe(`${line}: 0\n`);
  }
  window.close();
  expect(Object.keys(shown).length).toBeGreaterThan(8);
  expect(shown["chcontext sh"]).toMatch(/^New security context is \d+\n$/);
  expect(shown["curl http://10.0.0.2/"]).toContain("Welcome to nginx");
  expect(shown["vserver web1 enter"]).toBe("");
  expect(shown["ps ax"]?.trim().split("\n").length).toBeLessThan(6);
  expect(shown["vps ax"]).toMatch(/ web1 .* nginx: master/);
}, 400_000);

/** A service is up a moment after what started it has returned. */
const soon = (check: string) => `for try in $(seq 50); do ${check} && break; sleep 0.5; done`;

/** What an example needs to be there: a server that runs, a context with a process, a process of that number. */
const needs: readonly (readonly [RegExp, string])[] = [
  [
    / web1\b/,
    // The main server's own would keep port 80 from it.
    `/etc/init.d/nginx stop; pkill -x nginx; ${soon("! ss -Htln sport = :80 | grep -q .")}
     test -d /vservers/web1 || ${build} >/dev/null; vserver --silent web1 start >/dev/null; ${soon("vexec web1 test -s /run/nginx.pid")}`,
  ],
  [/ -c 7\b/, "chcontext --silent --ctx 7 --disconnect sleep 600 >/dev/null 2>&1"],
  [
    / 8411\b/,
    `until [ "$(cat /proc/8411/comm)" = sleep ]; do echo 8410 >/proc/sys/kernel/ns_last_pid; sleep 600 & sleep 0.1; done`,
  ],
  [/ 10\.0\.0\.2\b/, "ip address replace 10.0.0.2/24 dev eth0"],
  [/ 2001:db8::2\b/, "ip address replace 2001:db8::2/64 dev eth0 nodad"],
  [/\bnginx$/, "/etc/init.d/nginx stop >/dev/null"],
  [/ http:/, `/etc/init.d/nginx restart >/dev/null; ${soon("ss -Htln sport = :80 | grep -q .")}`],
];
const commandFor = (example: string) => example.replace(/\bCOMMAND$/, "true");

/** Those that need a Debian that runs, and those that need no server. */
const needsDebian = /^(ch|reduce|vexec|vinfo|vkernel|vkill|vps|vsysv|vtop|vserver-stat)/;
/** Servers that an example makes: they must not be there yet. */
const makes = [/ (web\d) build /, /^vbuild .* \/vservers\/(web\d)$/, /^newvserver --name (web\d) /];

/** Programs of this machine, read-only, and a package database of its own, in which libc6 is what is below opt/libc6. */
const smallServer = (name: string) => `
  mkdir -p /vservers/${name} && cd /vservers/${name} && mkdir -p usr/sbin etc/apt var/log tmp root opt/libc6 &&
  mkdir -p var/lib/dpkg/info var/lib/dpkg/updates var/lib/apt/lists/partial var/cache/apt/archives/partial var/lib/rpm &&
  ln -s usr/bin usr/sbin usr/lib usr/lib64 . && touch var/lib/dpkg/available &&
  echo root:x:0:0:root:/root:/bin/sh >etc/passwd && echo root:x:0: >etc/group && seq 10000 >opt/libc6/data &&
  touch -d @1000000000 opt/libc6/data && echo /opt/libc6/data >var/lib/dpkg/info/libc6.list &&
  printf '%s\\n' 'Package: libc6' 'Status: install ok installed' 'Maintainer: x <x@x>' 'Architecture: all' 'Version: 1' \
    'Description: x' >var/lib/dpkg/status &&
  printf 'IPROOT=0.0.0.0\\nS_CONTEXT=40001\\n' >/etc/vservers/${name}.conf &&
  echo '/usr /usr none bind,ro 0 0' >/etc/vservers/${name}.fstab; cd /`;

/** What else an example needs: packages, a file in a tree, a record, a server that runs. */
const smallNeeds: readonly (readonly [RegExp, string])[] = [
  [
    /bash\.deb/,
    `mkdir -p /tmp/deb/DEBIAN /tmp/deb/opt/bash; date >/tmp/deb/opt/bash/data
     printf '%s\\n' 'Package: bash' 'Version: 9' 'Architecture: all' 'Maintainer: x <x@x>' 'Description: x' >/tmp/deb/DEBIAN/control
     dpkg-deb --build --root-owner-group /tmp/deb /tmp/bash.deb`,
  ],
  [
    /bash\.rpm/,
    `printf '%s\\n' 'Name: bash' 'Version: 9' 'Release: 1' 'Summary: x' 'License: x' 'BuildArch: noarch' %description x \
       %install 'mkdir -p %{buildroot}/opt/bash' 'date >%{buildroot}/opt/bash/data' %files /opt/bash/data >/tmp/bash.spec
     rpmbuild -bb --quiet --define '_topdir /tmp/rpm' /tmp/bash.spec && mv /tmp/rpm/RPMS/noarch/*.rpm /tmp/bash.rpm`,
  ],
  [
    / oci nginx:latest$/,
    `cd /tmp; rm -rf nginx bundle; umoci init --layout nginx; umoci new --image nginx:latest
     umoci unpack --image nginx:latest bundle; install -D -m 644 /etc/passwd bundle/rootfs/etc/passwd
     umoci repack --image nginx:latest bundle
     umoci config --image nginx:latest --config.entrypoint /usr/sbin/nginx`,
  ],
  [
    / \/srv\/packages$/,
    `printf '%s\\n' 'Name: bash' 'Version: 9' 'Release: 1' 'Summary: x' 'License: x' 'BuildArch: noarch' %description x \
       '%package -n rpm' 'Summary: x' '%description -n rpm' x \
       '%package -n openssh-server' 'Summary: x' '%description -n openssh-server' x \
       %install 'mkdir -p %{buildroot}/etc %{buildroot}/opt' 'touch %{buildroot}/opt/rpm %{buildroot}/opt/sshd' \
       'echo root:x:0:0:root:/root:/bin/sh >%{buildroot}/etc/passwd' \
       %files /etc/passwd '%files -n rpm' /opt/rpm '%files -n openssh-server' /opt/sshd >/tmp/packages.spec
     rm -rf /srv/packages; rpmbuild -bb --quiet --define '_topdir /tmp/packages' /tmp/packages.spec
     mv /tmp/packages/RPMS/noarch /srv/packages`,
  ],
  [/\/vservers\/a\//, "mkdir -p /vservers/a/usr/bin; cp /usr/bin/perl /vservers/a/usr/bin"],
  [/ verify$/, "vserver web1 verify --record"],
  [/^vlimit/, "vserver --silent web1 start"],
];
const removeSmall = `for name in web1 web2 web3 web4 web5; do vserver --silent $name stop; done >/dev/null 2>&1
  rm -rf /vservers/web[1-5] /vservers/a /etc/vservers/web[1-5].*`;

describe("the examples of the man pages", async () => {
  const examples = (await manualExamples()).filter(({ command }) => elsewhere[command] === undefined);
  const [debian, small] = [true, false].map((which) => examples.filter(({ page }) => needsDebian.test(page) === which));
  const expectDone = async (world: readonly string[], command: string) => {
    const { status, output } = await type(`${world.map((line) => `{ ${line}\n} 2>/dev/null`).join("\n")}\n${command}`);
    expect(`${status} ${output}`).toStartWith("0 ");
  };

  describe("on a Debian that runs, or none", () => {
    afterAll(async () => {
      await type(
        `vserver --silent web1 stop; rm -rf /vservers/web1 /etc/vservers/web1.conf; pkill nginx; vkill -s KILL -c 7
         rm -f /run/vserver/bpf/active/strict; ip address del 2001:db8::2/64 dev eth0; ip address del 10.0.0.2/24 dev eth0`,
      );
    });
    for (const { page, command } of debian ?? []) {
      test(`${page}: ${command}`, async () => {
        const world = needs.flatMap(([pattern, line]) => (pattern.test(command) ? [line] : []));
        await expectDone(world, commandFor(command));
      }, 180_000);
    }
  });

  describe("on small servers", () => {
    afterAll(async () => void (await type(removeSmall)));
    for (const { page, command } of small ?? []) {
      test(`${page}: ${command}`, async () => {
        const made = makes.map((pattern) => pattern.exec(command)?.[1]).find((name) => name !== undefined);
        const named = command.match(/\bweb\d\b/g) ?? (/\bALL\b/.test(command) ? ["web1", "web2"] : []);
        const there = [...new Set(named)].filter((name) => name !== made).map(smallServer);
        const more = smallNeeds.flatMap(([pattern, line]) => (pattern.test(command) ? [line] : []));
        await expectDone([removeSmall, ...there, ...more], command);
      }, 180_000);
    }
  });
});

test("every man page is set without a complaint", async () => {
  const { output } = await type(
    `cd /usr/share/man; groff -man -Tutf8 -ww -z man?/v*.? man?/chcontext.8 man?/chbind.8 man?/reducecap.8; ls man8/chcontext.8`,
  );
  expect(output).toBe("man8/chcontext.8\n");
});
