/**
 * A server of OpenRC, as Debian packages it, and as Alpine runs it: by busybox's init. Its exim takes mail on the server's
 * own address and delivers it to a user of the server.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { type } from "../shell.ts";

const name = "openrc1";
const address = "10.0.0.172";
const conf = `/etc/vservers/${name}.conf`;
const root = `/vservers/${name}`;

const vserver = (words: string) => type(`vserver ${name} ${words}`);
const well = { status: 0 };

/** What Alpine's does. */
const inittab = `::sysinit:/sbin/openrc sysinit
::sysinit:/sbin/openrc boot
::wait:/sbin/openrc default
::shutdown:/sbin/openrc shutdown
`;

/** A service in the manner of OpenRC: it needs a network, and tells of its end. */
const service = `#!/sbin/openrc-run
command=/bin/busybox
command_args="sleep 98172"
command_background=yes
pidfile=/run/sleeper.pid
depend() { need net; }
stop_post() { echo stopped >>/root/stopped; }
`;

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await Bun.sleep(300)) if (await holds()) return;
  throw new Error(`${what}: not within a minute`);
}

beforeAll(async () => {
  const built = await vserver(`build --method tar --interface eth0:${address}/24 /var/cache/vserver/debian-openrc.tar`);
  expect(built).toMatchObject(well);
  expect(built.output).toMatch(/^Switched off in it: .*\bcgroups\b.*\bprocps\b/m);
  writeFileSync(`${root}/etc/init.d/sleeper`, service, { mode: 0o755 });
  symlinkSync("/etc/init.d/sleeper", `${root}/etc/runlevels/default/sleeper`);
  const settings = `${root}/etc/exim4/update-exim4.conf.conf`;
  const local = readFileSync(settings, "utf8").replace(/^(dc_local_interfaces)=.*/m, "$1=''");
  writeFileSync(settings, local.replace(/^(dc_other_hostnames)=.*/m, `$1='${name}'`));
  for (const user of ["alice", "bob"]) {
    expect(await type(`chroot ${root} useradd --create-home ${user}`)).toMatchObject(well);
  }
  expect(await vserver("start")).toMatchObject(well);
}, 300_000);
afterAll(() => type(`vserver --silent ${name} stop; vserver ${name} delete --yes`));

const commands = async () => (await type(`vserver --silent ${name} exec ps -e -o args=`)).output;

async function expectServices(): Promise<void> {
  await until("exim listens", async () => (await type(`nc -z -w 5 ${address} 25`)).status === 0);
  const services = ["cron", "exim4", "sleeper"];
  await until("all services are started", async () => {
    const { output } = await type(`vserver --silent ${name} exec rc-status default`);
    return services.every((one) => new RegExp(`${one} +\\[ +started +\\]`).test(output));
  });
  const running = await commands();
  for (const one of ["/usr/sbin/cron", "/usr/sbin/exim4", "/bin/busybox sleep 98172"]) expect(running).toContain(one);
}

test("the script of System V that OpenRC brings starts its services", () => expectServices());

test("mail between two users of the server goes in by SMTP at its own address", async () => {
  const letter = `From: alice@${name}\\nTo: bob@${name}\\nSubject: hello\\n\\nword-of-alice\\n`;
  const send = `printf '${letter}' | curl -sS smtp://${address} --mail-from alice@${name} --mail-rcpt bob@${name} -T -`;
  writeFileSync(`${root}/root/send`, send);
  expect(await vserver("exec sh /root/send")).toEqual({ status: 0, output: "" });
  const box = `${root}/var/mail/bob`;
  await until("the mail is there", () => existsSync(box) && readFileSync(box, "utf8").includes("word-of-alice"));
  // exim saw it come from the server's address.
  expect(readFileSync(box, "utf8")).toContain(`[${address}]`);
  expect(existsSync(`${root}/var/mail/alice`)).toBe(false);
  // Nobody else's: the main server has no mail service, on its loopback either.
  expect((await type("nc -z -w 5 127.0.0.1 25 || nc -z -w 5 10.0.0.1 25")).status).not.toBe(0);
});

test("stop ends them in order", async () => {
  const { status, output } = await vserver("stop");
  expect([status, output]).toEqual([0, expect.not.stringContaining("Killing")]);
  expect(readFileSync(`${root}/root/stopped`, "utf8")).toBe("stopped\n");
});

test("busybox's init, process 1 of the server, starts and ends them as on Alpine", async () => {
  symlinkSync("../bin/busybox", `${root}/sbin/init`);
  writeFileSync(`${root}/etc/inittab`, inittab);
  writeFileSync(conf, readFileSync(conf, "utf8").replace(/^S_FLAGS=.*/m, 'S_FLAGS="lock nproc fakeinit"'));
  expect(await vserver("start")).toMatchObject(well);
  await expectServices();
  const { status, output } = await vserver("stop");
  expect([status, output]).toEqual([0, expect.not.stringContaining("Killing")]);
  expect(readFileSync(`${root}/root/stopped`, "utf8")).toBe("stopped\nstopped\n");
});
