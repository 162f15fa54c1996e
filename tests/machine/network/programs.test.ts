/** Programs of the distribution, as they come, serve on every address of two servers and the main server on one port. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { must, run, startGuest, stopGuest } from "./guest.ts";

const mine = {
  one: ["10.0.0.121", "10.0.0.122", "fd00::121"],
  two: ["10.0.0.131", "fd00::131"],
} as const;
const names = ["one", "two"] as const;
const onMain = ["10.0.0.1", "fd00::1"];
const foreign = "10.0.0.9";
const isSix = (address: string) => address.includes(":");

/** What runs in the foreground until the end of the tests, and what it says. */
const running: { readonly child: Bun.Subprocess; readonly log: string }[] = [];
const said = () => running.map(({ log }) => readFileSync(log, "utf8")).join("");

function begin(...words: string[]): void {
  const log = `/tmp/program-${running.length}.log`;
  writeFileSync(log, "");
  running.push({ child: Bun.spawn(words, { stdin: "ignore", stdout: Bun.file(log), stderr: Bun.file(log) }), log });
}

/** Looks until it is so; in an emulated machine a program takes seconds to begin. */
async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = Date.now() + 90_000;
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`not so after 90 s: ${what}\n${said()}`);
    await Bun.sleep(300);
  }
}

const inside = (name: string, ...words: string[]) => ["vexec", name, ...words];
/** On the main server, tied to addresses of its own. */
const besides = (...words: string[]) => ["chbind", "--silent", ...onMain.flatMap((at) => ["--ip", at]), ...words];
const owners = [...names.map((name) => [name, mine[name]] as const), ["main", onMain] as const].flatMap(
  ([tag, addresses]) => addresses.map((at) => [at, tag] as const),
);
/** dig fails when the answer comes from another address than the one that was asked. */
const digAt = (port: number, at: string, kind: "udp" | "tcp", patience = 10) => [
  ...["dig", "-p", String(port), `@${at}`, "who.test", "TXT", "+short", "+tries=1", `+time=${patience}`],
  ...(kind === "tcp" ? ["+tcp"] : ["+notcp"]),
];

beforeAll(() => {
  must("vkernel", "load");
  run("ip", "address", "add", `${foreign}/24`, "dev", "eth0");
  run("ip", "address", "add", "fd00::1/64", "dev", "eth0", "nodad");
  for (const name of names) startGuest(name, [`IPROOT="${mine[name].join(" ")}"`, "IPROOTDEV=eth0"]);
}, 240_000);

afterAll(async () => {
  for (const name of names) stopGuest(name);
  for (const { child } of running) {
    child.kill("SIGKILL");
    await child.exited;
  }
  run("ip", "address", "del", `${foreign}/24`, "dev", "eth0");
  run("ip", "address", "del", "fd00::1/64", "dev", "eth0");
}, 240_000);

describe("dnsmasq", () => {
  const log = (tag: string) => `/vservers/${tag}/tmp/dns-${tag}.log`;
  const dnsmasq = (tag: string) => [
    ...["/usr/sbin/dnsmasq", "--keep-in-foreground", "--user=root", "--conf-file=/dev/null", "--pid-file"],
    ...[
      "--no-resolv",
      "--no-hosts",
      `--txt-record=who.test,${tag}`,
      "--log-queries",
      `--log-facility=/tmp/dns-${tag}.log`,
    ],
  ];
  const dig = (at: string, kind: "udp" | "tcp", patience?: number) => digAt(53, at, kind, patience);

  beforeAll(async () => {
    for (const name of names) begin(...inside(name, ...dnsmasq(name)));
    begin(...besides(...dnsmasq("main")));
    for (const [at, tag] of owners)
      await until(`${tag} serves ${at}`, () => run(...dig(at, "tcp", 2)).out === `"${tag}"\n`);
  }, 280_000);

  for (const kind of ["udp", "tcp"] as const) {
    test(`each answers at every one of its addresses, and from there, by ${kind}`, () => {
      for (const [at, tag] of owners)
        expect([at, run(...dig(at, kind))]).toEqual([at, { status: 0, out: `"${tag}"\n` }]);
    });

    test(`nobody answers at an address that none of them has, by ${kind}`, () => {
      const { status, out } = run(...dig(foreign, kind, 2));
      expect(out).not.toContain('"');
      expect(status).toBe(9);
    });
  }

  test("a server asks another one, and is seen there with its own address", () => {
    for (const [from, to] of [names, [...names].reverse()] as [string, string][]) {
      const from4 = mine[from as "one"][0];
      const from6 = mine[from as "one"].find(isSix) ?? "";
      const logged = () => readFileSync(log(to), "utf8").split("\n");
      for (const at of mine[to as "one"]) {
        const before = logged().length;
        expect(run(...inside(from, ...dig(at, "udp")))).toEqual({ status: 0, out: `"${to}"\n` });
        const queries = logged()
          .slice(before - 1)
          .filter((line) => line.includes("query[TXT] who.test from"));
        expect(queries.map((line) => line.split(" from ")[1]?.split(" ")[0])).toEqual([isSix(at) ? from6 : from4]);
      }
    }
  });
});

test("unbound of two servers and the main server answers at every address of each, and from there", async () => {
  const port = 5300;
  const configuration = (tag: string) => `server:
  interface-automatic: yes
  port: ${port}
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  username: ""
  chroot: ""
  directory: ""
  outgoing-range: 16
  use-syslog: no
  do-daemonize: no
  pidfile: ""
  local-data: 'who.test. TXT "${tag}"'
`;
  for (const tag of [...names, "main"]) {
    const file = tag === "main" ? "/tmp/unbound.conf" : `/vservers/${tag}/root/unbound.conf`;
    writeFileSync(file, configuration(tag));
    if (tag === "main") begin(...besides("/usr/sbin/unbound", "-d", "-c", file));
    else begin(...inside(tag, "/usr/sbin/unbound", "-d", "-c", "/root/unbound.conf"));
  }
  for (const [at, tag] of owners) {
    await until(`${tag} serves ${at}`, () => run(...digAt(port, at, "tcp", 2)).out === `"${tag}"\n`);
    expect([at, run(...digAt(port, at, "udp"))]).toEqual([at, { status: 0, out: `"${tag}"\n` }]);
  }
  expect(run(...digAt(port, foreign, "udp", 2)).status).toBe(9);
}, 200_000);

describe("postgresql, as the distribution configures it, and listening on '*'", () => {
  /** Which of them, its address, and the client's, as it sees them. */
  const query = "select current_setting('cluster_name'), host(inet_server_addr()), host(inet_client_addr())";
  const psql = (at: string) => {
    const place = `host=${at} user=postgres dbname=postgres sslmode=disable`;
    return ["psql", "--no-psqlrc", "--no-password", "-At", "-d", place, "-c", query];
  };
  const version = () => must("ls", "/etc/postgresql").trim();

  beforeAll(async () => {
    for (const name of names) {
      const root = `/vservers/${name}`;
      const configuration = `/etc/postgresql/${version()}/main`;
      for (const path of ["/etc/ssl", "/etc/postgresql", "/var/lib/postgresql"]) {
        must("mkdir", "-p", `${root}${path}`);
        must("cp", "-a", `${path}/.`, `${root}${path}`);
      }
      run("ln", "-s", "../run", `${root}/var/run`);
      writeFileSync(`${root}${configuration}/conf.d/here.conf`, `listen_addresses = '*'\ncluster_name = '${name}'\n`);
      const allowed = ["10.0.0.0/24", "fd00::/64", "127.0.0.1/32", "::1/128"];
      const access = allowed.map((network) => `host all all ${network} trust\n`).join("");
      writeFileSync(`${root}${configuration}/pg_hba.conf`, access);
      const server = `/usr/lib/postgresql/${version()}/bin/postgres -c config_file=${configuration}/postgresql.conf`;
      const user = "setpriv --reuid postgres --regid postgres --init-groups";
      begin(...inside(name, "sh", "-c", `install -d -o postgres /run/postgresql && exec ${user} ${server}`));
    }
    for (const name of names)
      await until(`${name} answers`, () => run(...psql(mine[name][0])).out.startsWith(`${name}|`));
  }, 280_000);

  test("each is reached at its own addresses, from the main server and from the other", () => {
    for (const [name, other] of [names, [...names].reverse()] as ["one" | "two", "one" | "two"][]) {
      for (const at of mine[name]) {
        expect([
          at,
          must(...psql(at))
            .split("|")
            .slice(0, 2),
        ]).toEqual([at, [name, at]]);
      }
      for (const family of [false, true]) {
        const [at = "", own = ""] = [name, other].map((tag) => mine[tag].find((address) => isSix(address) === family));
        expect(must(...inside(other, ...psql(at)))).toBe(`${name}|${at}|${own}\n`);
      }
    }
  });

  test("each has its own at 127.0.0.1 and ::1, and none is at the main server's", async () => {
    const local = [...names.map((name) => [name, "127.0.0.1"] as const), ["one", "::1"] as const];
    for (const [name, at] of local) expect(must(...inside(name, ...psql(at))).split("|")[0]).toBe(name);
    for (const at of ["10.0.0.1", "127.0.0.1", "::1"]) expect(run(...psql(at)).out).toContain("Connection refused");
    must(...inside("two", "pkill", "-x", "-INT", "postgres"));
    const ended = () => run(...inside("two", ...psql("127.0.0.1"))).out.includes("Connection refused");
    await until("two has ended, and nobody else is there", ended);
    expect(must(...psql(mine.one[0])).split("|")[0]).toBe("one");
  }, 120_000);
});

describe("iperf3", () => {
  interface Report {
    readonly error?: string;
    readonly start?: { readonly connected: readonly { readonly local_host: string; readonly remote_host: string }[] };
  }
  const iperf = (from: string, at: string, ...more: string[]): Report => {
    const { out } = run(...inside(from, "timeout", "50", "iperf3", "-J", "-t", "1", "-c", at, ...more));
    return out.trim().startsWith("{") ? JSON.parse(out) : { error: out };
  };

  // Its datagram socket serves one family, and connects to its client: then it speaks from its first address, as untied.
  const six = ["-p", "5202"];
  const further = ["-p", "5203"];

  beforeAll(async () => {
    for (const name of names) begin(...inside(name, "iperf3", "-s"));
    for (const name of names) begin(...inside(name, "iperf3", "-s", "-6", ...six));
    begin(...inside("one", "iperf3", "-s", "-B", mine.one[1], ...further));
    const listening = () =>
      must("ss", "-Htln")
        .split("\n")
        .filter((line) => /:520[123]\s/.test(line)).length;
    await until("all listen", () => listening() >= 5);
  }, 200_000);

  const udp = ["-u", "-b", "200K"];
  const ways = [
    ["TCP", "two", "one", "10.0.0.121", []],
    ["TCP", "two", "one", "10.0.0.122", []],
    ["TCP", "two", "one", "fd00::121", []],
    ["TCP", "one", "two", "10.0.0.131", []],
    ["TCP", "one", "two", "fd00::131", []],
    ["UDP", "two", "one", "10.0.0.121", udp],
    ["UDP", "two", "one", "10.0.0.122", [...udp, ...further]],
    ["UDP", "two", "one", "fd00::121", [...udp, ...six]],
    ["UDP", "one", "two", "10.0.0.131", udp],
    ["UDP", "one", "two", "fd00::131", [...udp, ...six]],
  ] as const;
  for (const [kind, from, to, at, more] of ways) {
    test(`${kind} from ${from} to ${to} at ${at}: speaks from its own address`, () => {
      const report = iperf(from, at, ...more);
      const own = mine[from].find((address) => isSix(address) === isSix(at)) ?? "";
      expect(report.error).toBeUndefined();
      const connected = report.start?.connected.map(({ local_host, remote_host }) => [local_host, remote_host]);
      expect(connected).toEqual([[own, at]]);
    });
  }
});

test("sshd in a server is reached at each of its addresses and tells its own and the client's", async () => {
  const root = "/vservers/one";
  mkdirSync(`${root}/root/.ssh`, { recursive: true, mode: 0o700 });
  run("rm", "-f", "/tmp/programs-key", "/tmp/programs-key.pub", `${root}/root/host_key`, `${root}/root/host_key.pub`);
  must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/tmp/programs-key");
  must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", `${root}/root/host_key`);
  writeFileSync(`${root}/root/.ssh/authorized_keys`, readFileSync("/tmp/programs-key.pub"));
  chmodSync(`${root}/root`, 0o700);
  writeFileSync(`${root}/root/sshd_config`, "Port 2022\nHostKey /root/host_key\nUsePAM no\nPermitRootLogin yes\n");
  begin(...inside("one", "sh", "-c", "mkdir -p /run/sshd && exec /usr/sbin/sshd -D -f /root/sshd_config"));
  const options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"];
  const ssh = (at: string) => [
    ...["ssh", "-F", "none", "-p", "2022", "-i", "/tmp/programs-key", ...options.flatMap((one) => ["-o", one])],
    ...[`root@${at}`, "echo $SSH_CONNECTION"],
  ];
  await until("sshd serves", () => run(...ssh("10.0.0.121")).status === 0);
  for (const at of mine.one) {
    const [, , own, port] = must(...ssh(at))
      .trim()
      .split(" ");
    expect([own, port]).toEqual([at, "2022"]);
  }
}, 200_000);
