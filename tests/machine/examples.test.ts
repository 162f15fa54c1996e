/** The README's first session and every example in the man pages of the tools, run as they stand there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { commands } from "../../src/commands/index.ts";
import { pages } from "../../src/commands/pages.ts";
import { type } from "./shell.ts";
import { Window } from "./window.ts";

/** The machine has no mirror to fetch a Debian from: the same server from an archive. */
const build = "vserver web1 build --method tar /var/cache/vserver/debian-nginx.tar --interface eth0:10.0.0.2/24";

beforeAll(async () => {
  await type("vkernel load");
});

test("the README's first session", async () => {
  const readme = readFileSync("/src/README.md", "utf8");
  const session = /^## A first session\n+```\n(.*?)```/ms.exec(readme)?.[1] ?? "";
  const lines = session.split("\n").map((line) => line.replace(/ +# .*/, "").trim());
  const window = await Window.open("root");
  const shown: Record<string, string> = {};
  // What is installed is the machine's own affair; nobody edits here, and systemd does not run.
  for (const line of lines.filter((one) => one !== "" && !/^(make|editor|systemctl) /.test(one))) {
    const typed = /^vserver web1 build /.test(line) ? build : line;
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

describe("the examples of the man pages", async () => {
  const loaded = await Promise.all(Object.values(commands).map((load) => load()));
  const own = /^(ch|reduce|vdu|vexec|vinfo|vkernel|vkill|vps|vtop|vserver-stat)/;
  const manuals = [...loaded.map(({ command }) => command.manual), ...pages].filter(({ name }) => own.test(name));
  afterAll(async () => {
    await type(
      `vserver --silent web1 stop; rm -rf /vservers/web1 /etc/vservers/web1.conf; pkill nginx; vkill -s KILL -c 7
       rm -f /run/vserver/bpf/active/strict; ip address del 2001:db8::2/64 dev eth0; ip address del 10.0.0.2/24 dev eth0`,
    );
  });
  for (const { name, examples = [] } of manuals) {
    for (const { command } of examples) {
      test(`${name}: ${command}`, async () => {
        const world = needs.flatMap(([pattern, line]) => (pattern.test(command) ? [`{ ${line}; } 2>/dev/null`] : []));
        const { status, output } = await type(`${world.join("\n")}\n${commandFor(command)}`);
        expect(`${status} ${output}`).toStartWith("0 ");
      }, 180_000);
    }
  }
});

test("every man page is set without a complaint", async () => {
  const { output } = await type(
    `cd /usr/share/man; groff -man -Tutf8 -ww -z man?/v*.? man?/chcontext.8 man?/chbind.8 man?/reducecap.8; ls man8/chcontext.8`,
  );
  expect(output).toBe("man8/chcontext.8\n");
});
