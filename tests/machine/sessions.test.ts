/**
 * The sessions of the 2003 document, sections 2.6.1 to 2.6.4, typed line by line into terminals. Today's names: httpd is
 * nginx, its script is in /etc/init.d, and what stood in /proc/PID/status is printed by `vinfo PID`.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { installSleeper, type } from "./shell.ts";
import { Window } from "./window.ts";

/** The server of telnet, one per connection, as inetd would start it. */
const telnetd = "socat TCP4-LISTEN:23,reuseaddr,fork EXEC:/usr/sbin/telnetd,nofork";

beforeAll(async () => {
  await installSleeper("xterm");
  await type(
    `vkernel load
     mkdir -p /var/log; echo a line of the log >/var/log/messages; chmod 640 /var/log/messages
     setsid ${telnetd} >/dev/null 2>&1 &`,
  );
});
afterAll(async () => {
  await type("pkill -f ^socat; /etc/init.d/nginx stop");
});

const open: Window[] = [];
async function window(user: string): Promise<Window> {
  const one = await Window.open(user);
  open.push(one);
  return one;
}
afterEach(async () => {
  for (const one of open.splice(0)) one.close();
  await type("chcontext --silent --ctx 1 pgrep -x xterm | xargs -r vkill -s KILL");
});

const number = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1]);

describe("2.6.1 playing with /usr/sbin/chcontext", () => {
  test("two windows of the same user", async () => {
    const first = await window("user");
    const second = await window("user");
    await first.type("xterm 600 &");
    expect(await second.type("pstree")).toContain("xterm");

    expect(await second.type("/usr/sbin/chcontext /bin/sh")).toMatch(/^New security context is \d+\n$/);
    const little = await second.type("pstree");
    expect(little).toContain("pstree");
    expect(little).not.toContain("xterm");
    expect(await second.type("killall xterm")).toBe("xterm: no process found\n");
    await second.type("exit");
    expect(await second.type("pstree")).toContain("xterm");

    expect(await first.type("pgrep -c xterm")).toBe("1\n");
  });

  test("several times", async () => {
    const shell = await window("user");
    await shell.type("/usr/sbin/chcontext /bin/sh");
    expect(await shell.type("pstree")).not.toContain("xterm");
    await shell.type("xterm 600 &");
    expect(await shell.type("pstree")).toContain("xterm");
    // Ok now you see your xterm
    const outer = number(await shell.type("vinfo"), /s_context: (\d+)/);
    expect(number(await shell.type("/usr/sbin/chcontext /bin/sh"), /context is (\d+)/)).not.toBe(outer);
    expect(await shell.type("pstree")).not.toContain("xterm");
    // the xterm is not there, killall will fail
    expect(await shell.type("killall xterm; echo $?")).toBe("xterm: no process found\n1\n");
    // Now we exit the shell
    await shell.type("exit");
    expect(await shell.type("pstree")).toContain("xterm");
    // the xterm is there
    expect(await shell.type("killall xterm; echo $?")).toMatch(/^0$/m);
    // Ok, it is gone
    await shell.type("wait");
    expect(await shell.type("pgrep xterm || echo gone")).toMatch(/^gone$/m);
    await shell.type("exit");
    // We are back to the initial security context
    expect(await shell.type("vinfo")).toContain("s_context: 0 [ 0]\n");
  });

  test("the others do not see what is isolated either, and everybody sees process 1", async () => {
    const inside = await window("user");
    const outside = await window("user");
    await inside.type("/usr/sbin/chcontext /bin/sh");
    await inside.type("xterm 600 &");
    expect(await outside.type("pstree")).not.toContain("xterm");
    expect(await outside.type("killall xterm")).toBe("xterm: no process found\n");
    expect(await inside.type("ps -p 1 -o pid=")).toMatch(/^ +1\n$/);
    expect(await inside.type("kill -0 1")).toMatch(/not permitted/i);

    // But only root processes in security context 0 are allowed to interact with it.
    const root = await window("root");
    expect(await root.type("kill -0 1; echo $?")).toBe("0\n");
    await root.type("/usr/sbin/chcontext /bin/sh");
    expect(await root.type("kill -0 1")).toMatch(/not permitted/i);
  });
});

describe("2.6.2 playing with /usr/sbin/chcontext as root", () => {
  test("context 1 sees it and cannot kill it; root enters the context it is in, and can", async () => {
    const root = await window("root");
    await root.type("/usr/sbin/chcontext xterm 600 &");
    await root.type("until /usr/sbin/chcontext --silent --ctx 1 pgrep -x xterm; do sleep 0.2; done");
    // We check, there is no xterm running, yet we can see it.
    expect(await root.type("ps ax | grep xterm")).not.toContain("xterm 600");
    // Ok we in security context 0
    expect(await root.type("vinfo")).toContain("s_context: 0 [ 0]\n");
    // Ok, we see the xterm, we try to kill it
    expect(await root.type("/usr/sbin/chcontext --ctx 1 ps ax | grep xterm")).toContain("xterm 600");
    // No, security context 1 can see, but can't kill
    const refused = await root.type("/usr/sbin/chcontext --ctx 1 killall xterm");
    expect(refused).toMatch(/^New security context is 1\nxterm\(\d+\): Operation not permitted\n/);
    const seen = await root.type("/usr/sbin/chcontext --ctx 1 ps ax | grep 'xterm 600'");
    const xx = number(seen, /^ *(\d+) .* xterm 600$/m);
    // Ok, this is PID XX. We need the security context
    const ss = number(await root.type(`/usr/sbin/chcontext --ctx 1 vinfo ${xx}`), /s_context: (\d+) \[/);
    // We see the s_context, this is SS.
    expect(ss).toBeGreaterThan(1);
    // The /usr/sbin/vpstree and /usr/sbin/vps commands simply run ps and pstree in security context 1.
    expect(await root.type("/usr/sbin/vps ax | grep 'xterm 600'")).toMatch(new RegExp(`^ *${xx} ${ss} `, "m"));
    expect(await root.type("/usr/sbin/vpstree")).toContain("xterm");
    // We want to kill this process
    expect(await root.type(`/usr/sbin/chcontext --ctx ${ss} killall xterm`)).not.toMatch(/permitted|no process/);
    await root.type("wait");
    expect(await root.type("/usr/sbin/chcontext --silent --ctx 1 pgrep -x xterm || echo gone")).toMatch(/^gone$/m);
  });
});

/** Lines of `netstat -atn` as words: protocol, local and foreign address, state. */
const sockets = (shown: string) =>
  shown.split("\n").flatMap((line) => {
    const [protocol = "", , , local, foreign, state] = line.trim().split(/\s+/);
    return protocol === "tcp" ? [`${local} ${foreign} ${state}`] : [];
  });

describe("2.6.3 playing with /usr/sbin/chbind", () => {
  test("a service", async () => {
    const root = await window("root");
    await root.type("/etc/init.d/nginx restart");
    const listening = async () => sockets(await root.type('netstat -atn | grep ":80 "'));
    expect(await listening()).toEqual(["0.0.0.0:80 0.0.0.0:* LISTEN"]);
    // Now we restart httpd, but we lock it so it uses only the main IP of eth0
    const said = await root.type("/usr/sbin/chbind --ip eth0 /etc/init.d/nginx restart");
    expect(said).toMatch(/^ipv4root is now 10\.0\.0\.1\n/);
    expect(await listening()).toEqual(["10.0.0.1:80 0.0.0.0:* LISTEN"]);
    // Now, restart it normally
    await root.type("/etc/init.d/nginx restart");
    expect(await listening()).toEqual(["0.0.0.0:80 0.0.0.0:* LISTEN"]);
  });

  test("a client: telnet localhost", async () => {
    const shell = await window("root");
    const logIn = async (telnet: string) => {
      await shell.type(telnet, /login: $/);
      await shell.type("user", /Password: $/);
      await shell.type("user");
    };
    const established = async () => {
      const all = sockets(await shell.type('netstat -atn | grep ":23 "'));
      return all.filter((line) => line.startsWith("127.0.0.1:23 ") && line.endsWith(" ESTABLISHED"));
    };
    await logIn("telnet localhost");
    // You should see a line showing a connection from 127.0.0.1 to 127.0.0.1
    const [plain = "", ...more] = await established();
    expect(plain).toMatch(/^127\.0\.0\.1:23 127\.0\.0\.1:\d+ ESTABLISHED$/);
    expect(more).toEqual([]);
    await shell.type("exit");
    // Now we do the telnet again, but forcing it to select a specific IP
    await logIn("/usr/sbin/chbind --ip eth0 telnet localhost");
    const [tied = ""] = await established();
    expect(tied).toMatch(/^127\.0\.0\.1:23 10\.0\.0\.1:\d+ ESTABLISHED$/);
    await shell.type("exit");
  });
});

describe("2.6.4 playing with /usr/sbin/reducecap", () => {
  test("an ordinary user becomes a root of limited power", async () => {
    const shell = await window("user");
    const ceiling = (shown: string) => BigInt(`0x${/capBset: ([0-9a-f]+)/.exec(shown)?.[1] ?? "0"}`);
    const ones = (mask: bigint) => mask.toString(2).replaceAll("0", "").length;
    // The capBset line presents mostly 1s.
    const before = ceiling(await shell.type("vinfo"));
    expect(ones(before)).toBeGreaterThan(38);
    expect(await shell.type("/usr/sbin/reducecap --secure /bin/sh")).toBe("Executing\n");
    // The capBset now shows many more 0s.
    const after = ceiling(await shell.type("vinfo"));
    expect(ones(after)).toBeLessThanOrEqual(ones(before) - 15);
    // The capEff shows all 0s, you have no privilege now
    expect(await shell.type("cat /proc/self/status")).toContain("\nCapEff:\t0000000000000000\n");
    // We su to root
    await shell.type("su", /Password: $/);
    await shell.type("root");
    expect(await shell.type("id -u")).toBe("0\n");
    // capEff is much better now, but there are still many 0s
    expect(ceiling(await shell.type("vinfo"))).toBe(after);
    const table = await shell.type("/usr/sbin/reducecap --show");
    const effective = (name: string) => new RegExp(`^ *CAP_${name} +X `, "m").test(table);
    expect(["CHOWN", "SETUID", "NET_BIND_SERVICE"].filter(effective)).toEqual(["CHOWN", "SETUID", "NET_BIND_SERVICE"]);
    expect(["NET_ADMIN", "SYS_ADMIN", "MKNOD"].filter(effective)).toEqual([]);
    // So far so good, we see the content
    expect(await shell.type("tail /var/log/messages")).toBe("a line of the log\n");
    expect(await shell.type("/sbin/ifconfig eth0")).toContain("inet 10.0.0.1 ");
    // No way, we can't configure the interface.
    expect(await shell.type("/sbin/ifconfig eth0 down")).toMatch(/Operation not permitted/);
    expect(await shell.type("/sbin/ifconfig eth0")).toMatch(/UP/);
    await shell.type("exit");
    expect(await shell.type("id -un")).toBe("user\n");
  });
});
