/** Servers that are made in a second: a tree of busybox with an init script, for tests that need many or care for no distribution. */
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const applets = [
  ...[
    "sh",
    "cat",
    "echo",
    "ls",
    "sleep",
    "ps",
    "kill",
    "mkdir",
    "rm",
    "touch",
    "id",
    "hostname",
    "sed",
    "head",
    "grep",
  ],
  ...[
    "env",
    "mount",
    "umount",
    "stat",
    "test",
    "true",
    "false",
    "wc",
    "logger",
    "nc",
    "chmod",
    "mv",
    "ln",
    "cp",
    "seq",
  ],
  ...["reboot", "halt", "poweroff", "dd", "sort", "readlink", "mknod", "tail", "tr", "cut", "printf", "date"],
];

/** What its System V `rc` does: a service that sleeps, and a record of every call. */
const rc = `#!/bin/sh
echo "rc $1 $PROFILE" >>/var/log/rc
case $1 in
  [2345]) sleep 100000 & echo $! >/run/sleeper.pid;;
  *) kill $(cat /run/sleeper.pid);;
esac
`;

export interface SmallServer {
  /** Text of the conf file. */
  readonly conf?: string;
  /** Text of its /etc/init.d/rc. */
  readonly rc?: string;
}

/** Makes /vservers/NAME and /etc/vservers/NAME.conf. */
export function makeSmall(name: string, server: SmallServer = {}): void {
  const tree = join("/vservers", name);
  for (const directory of ["bin", "sbin", "etc/init.d", "var/log", "root", "tmp", "run"]) {
    mkdirSync(join(tree, directory), { recursive: true });
  }
  cpSync("/usr/bin/busybox", join(tree, "bin/busybox"));
  for (const applet of applets) symlinkSync("busybox", join(tree, "bin", applet));
  writeFileSync(join(tree, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000::/tmp:/bin/sh\n");
  writeFileSync(join(tree, "etc/group"), "root:x:0:\nguest:x:1000:\n");
  writeFileSync(join(tree, "etc/hostname"), `${name}\n`);
  writeFileSync(join(tree, "etc/init.d/rc"), server.rc ?? rc);
  chmodSync(join(tree, "etc/init.d/rc"), 0o755);
  mkdirSync("/etc/vservers", { recursive: true, mode: 0o700 });
  writeFileSync(join("/etc/vservers", `${name}.conf`), server.conf ?? "IPROOT=0.0.0.0\n");
}

export interface Ended {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export function run(...words: readonly string[]): Ended {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  return { status: exitCode, out: stdout.toString(), err: stderr.toString() };
}
