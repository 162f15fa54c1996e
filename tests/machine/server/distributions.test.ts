/** Debian as it is packaged, once with System V init and once with systemd: its own services run in a server, unchanged. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type } from "../shell.ts";

const main = "10.0.0.1";
const servers = [
  { name: "whole-sysv", tree: "debian-sysvinit", address: "10.0.0.162", init: "System V init" },
  { name: "whole-systemd", tree: "debian-systemd", address: "10.0.0.163", init: "systemd" },
] as const;
type Whole = (typeof servers)[number];

const rootOf = ({ name }: Whole) => `/vservers/${name}`;
const key = "/tmp/whole-key";
const job = "/var/tmp/cron-was-here";

/** A script as root of the server. */
const inside = ({ name }: Whole, script: string) => type(`vserver ${name} exec sh -c '${script}'`);
const sql = (server: Whole, statement: string) =>
  inside(server, `su postgres -c "psql -XAtc \\"${statement}\\""`).then(({ output }) => output.trim());

async function until(what: string, holds: () => Promise<boolean>, seconds: number): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await Bun.sleep(500)) if (await holds()) return;
  throw new Error(`${what}: not within ${seconds} s`);
}

beforeAll(async () => {
  await type(`rm -f ${key}* && ssh-keygen -q -t ed25519 -N '' -f ${key}`);
  for (const server of servers) {
    const { name, tree, address } = server;
    const archive = `/var/cache/vserver/${tree}.tar`;
    const built = await type(`vserver ${name} build --method tar --interface eth0:${address}/24 ${archive}`);
    expect(built.status).toBe(0);
    await type(`install -D -m 600 ${key}.pub ${rootOf(server)}/root/.ssh/authorized_keys`);
    writeFileSync(`${rootOf(server)}/etc/cron.d/whole`, `* * * * * root id -un >${job}\n`);
    writeFileSync(`${rootOf(server)}/var/www/html/index.html`, `nginx of ${name}\n`);
    expect(await type(`vserver ${name} start`)).toMatchObject({ status: 0 });
  }
}, 400_000);

afterAll(async () => {
  for (const { name } of servers) await type(`vserver --silent ${name} stop; vserver ${name} delete --yes`);
}, 200_000);

describe.each([...servers])("Debian with $init", (server) => {
  test("all of it comes up", async () => {
    if (server.tree === "debian-systemd") {
      expect((await inside(server, "systemctl is-system-running --wait")).output.trim()).toBe("running");
    }
    const { output } = await inside(server, "ps -e -o comm=");
    const running = new Set(output.split("\n").map((line) => line.trim()));
    for (const service of ["cron", "nginx", "postgres", "rsyslogd", "sshd"]) expect(running).toContain(service);
  });

  test("nginx answers at the server's address", async () => {
    expect((await type(`curl -s --max-time 20 http://${server.address}/`)).output).toBe(`nginx of ${server.name}\n`);
  });

  test("postgresql keeps what it is told, on a 127.0.0.1:5432 of the server's own", async () => {
    await sql(server, "create table t (name text)");
    await sql(server, "insert into t values (current_database())");
    expect(await sql(server, "select count(*) from t")).toBe("1");
    expect((await inside(server, "pg_isready -h 127.0.0.1")).output).toContain("accepting connections");
    expect((await type("exec 3<>/dev/tcp/127.0.0.1/5432")).status).not.toBe(0);
  });

  test("ssh logs in and gets a terminal of the server's", async () => {
    const options =
      "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=60";
    const { status, output } = await type(
      `ssh -tt -i ${key} ${options} root@${server.address} 'hostname; tty; echo "\${SSH_CONNECTION}"; kill -0 ${process.pid}' </dev/null`,
    );
    const [host, terminal, connection, ...rest] = output.split(/\r?\n/);
    expect(host).toBe(server.name);
    expect(terminal).toMatch(/^\/dev\/pts\/\d+$/);
    expect(connection).toMatch(new RegExp(`^${main} \\d+ ${server.address} 22$`));
    // This test is a process of the main server.
    expect(rest.join(" ")).toMatch(/No such process|not permitted/);
    expect(status).not.toBe(0);
  });

  test("rsyslog writes what programs of the server say, and nothing of the neighbour's", async () => {
    const log = `${rootOf(server)}/var/log/syslog`;
    await inside(server, `logger word-of-${server.name}`);
    await until("the line is in the log", async () => readFileSync(log, "utf8").includes(`word-of-${server.name}`), 60);
    for (const other of servers.filter((one) => one !== server))
      expect(readFileSync(log, "utf8")).not.toContain(`word-of-${other.name}`);
  });

  test("service and chkconfig lead to its own init", async () => {
    expect((await type(`vserver ${server.name} service nginx status`)).output).toMatch(/running/);
    expect((await type(`vserver ${server.name} service nginx stop`)).status).toBe(0);
    expect((await type(`curl -s --max-time 20 http://${server.address}/`)).status).not.toBe(0);
    expect((await type(`vserver ${server.name} service nginx start`)).status).toBe(0);
    expect((await type(`curl -s --max-time 20 http://${server.address}/`)).output).toBe(`nginx of ${server.name}\n`);
    const changed = await type(`vserver ${server.name} chkconfig nginx off && vserver ${server.name} chkconfig --list`);
    expect(changed.output.split("\n")).toContain("cron");
    expect(changed.output.split("\n")).not.toContain("nginx");
  });

  test("cron runs a job", async () => {
    await until("the job has run", async () => existsSync(`${rootOf(server)}${job}`), 130);
    expect(readFileSync(`${rootOf(server)}${job}`, "utf8")).toBe("root\n");
  }, 140_000);
});

test("control groups that root of a server makes, of threads and without end, neither outgrow their bound nor hinder its stop", async () => {
  const server = servers[1];
  const script = `cd /sys/fs/cgroup && mkdir hostile hostile/threads && echo threaded >hostile/threads/cgroup.type &&
    mkdir hostile/n && cd hostile/n && mkdir $(seq 1100) 2>/dev/null; ls -d [0-9]* | wc -l`;
  const made = Number((await inside(server, script)).output.trim());
  expect(made).toBeGreaterThan(500);
  expect(made).toBeLessThan(1000);
  expect((await type(`vserver ${server.name} status`)).output).toMatch(/^\d+ processes running$/m);
});

test.each([...servers])("$init ends its services in order before the server is gone", async (server) => {
  const stopped = await type(`vserver ${server.name} stop`);
  expect(stopped.status).toBe(0);
  expect(stopped.output).not.toContain("Killing all processes");
  expect(stopped.output).toContain(`Server ${server.name} is not running`);
  const log = await type(`cat ${rootOf(server)}/var/log/postgresql/*.log`);
  expect(log.output).toContain("database system is shut down");
  expect(existsSync(`/run/vserver/${server.name}`)).toBe(false);
  expect(existsSync(`/sys/fs/cgroup/vserver-${server.name}`)).toBe(false);
});
