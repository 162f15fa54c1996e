/**
 * A place to start servers in that leaves this machine alone: its own mounts, network stack and names, and a copy of /etc.
 * The kernel's contexts are out of its reach, so servers run on namespaces alone (CONTEXTS=optional), as they do here.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cgroupRoot } from "../../src/linux/cgroup.ts";
import { root } from "../unit/booted.ts";

export const vserver = join(root, "build/stage/usr/sbin/vserver");

/** Performed in the nest; `$1` is a directory that it shares with us. */
const setUp = `set -e
mount -t tmpfs -o mode=755 nest /run
cp -a /etc /run/etc
mount --bind /run/etc /etc
mount -t tmpfs nest /var/lib
mount -t tmpfs nest /var/cache
[ ! -d /sys/kernel/security ] || mount -t tmpfs none /sys/kernel/security
printf 'CONTEXTS=optional\\nLIMITS=optional\\nVSERVERS=%s/servers\\n' "$1" >/etc/vserver.conf
rm -rf /etc/vservers
ln -s "$1/conf" /etc/vservers
ip link set lo up
echo ready
exec sleep 100000`;

export interface Ended {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface Nest {
  /** Shared with the nest: `servers` has the trees, `conf` the conf files. */
  readonly directory: string;
  /** The words that run a command in it. */
  words(...command: readonly string[]): string[];
  run(...command: readonly string[]): Ended;
  /** The same with this machine's network. */
  online(...command: readonly string[]): string[];
  /** What is mounted in it. */
  mounts(): string;
  /** Its local IPv4 addresses. */
  addresses(): string;
  /** Whether it has this path of its own. */
  has(path: string): boolean;
  end(): void;
}

export async function makeNest(): Promise<Nest> {
  const directory = mkdtempSync(join(tmpdir(), "vserver-nest-"));
  for (const name of ["servers", "conf"]) mkdirSync(join(directory, name));
  const own = ["unshare", "--mount", "--net", "--uts", "--ipc", "--propagation", "private"];
  const keeper = Bun.spawn([...own, "sh", "-c", setUp, "sh", directory], { stdin: "ignore", stdout: "pipe" });
  const { value } = await keeper.stdout.getReader().read();
  if (new TextDecoder().decode(value) !== "ready\n") throw new Error("the nest cannot be made");
  const proc = `/proc/${keeper.pid}`;
  const enter = (...kinds: readonly string[]) => ["nsenter", "-t", String(keeper.pid), ...kinds, "--"];
  const words = (...command: readonly string[]) => [...enter("-m", "-n", "-u", "-i"), ...command];
  return {
    directory,
    words,
    online: (...command) => [...enter("-m", "-u", "-i"), ...command],
    run(...command) {
      const options = { stdin: "ignore", stdout: "pipe", stderr: "pipe" } as const;
      const { exitCode, stdout, stderr } = Bun.spawnSync(words(...command), options);
      return { status: exitCode, out: stdout.toString(), err: stderr.toString() };
    },
    mounts: () => readFileSync(`${proc}/mountinfo`, "utf8"),
    addresses: () => readFileSync(`${proc}/net/fib_trie`, "utf8"),
    has: (path) => existsSync(`${proc}/root${path}`),
    end() {
      keeper.kill("SIGKILL");
      rmSync(directory, { recursive: true });
    },
  };
}

/** Its process 1 ends when it is asked to, from when it has a trap; `init 0` asks until then, and ends before. */
const init = `#!/bin/sh
if [ $$ != 1 ]; then (while sleep 0.05; do kill -TERM 1; done) & exit 0; fi
trap 'exit 0' TERM
while :; do sleep 100000 & wait $!; done
`;

/** What pre-start mounts must not be there before, and post-stop takes it away: each owes the other. */
const hook = (tree: string) => `#!/bin/sh
mounted() { grep -q " ${tree}/mnt " /proc/self/mountinfo; }
case $1 in
  pre-start) if mounted; then echo "post-stop was not called"; exit 1; fi; mount -t tmpfs hook ${tree}/mnt;;
  post-stop) if mounted; then umount ${tree}/mnt; fi;;
esac
`;

/** Address on the loopback of the nest that the server brings along. */
export const address = "10.99.0.1";

/** A server of this machine's own programs, with an address and a hook; returns its tree. */
export function makeServer(nest: Nest, name: string): string {
  const tree = join(nest.directory, "servers", name);
  for (const path of ["usr", "etc", "var", "mnt", "sbin", "tmp"]) mkdirSync(join(tree, path), { recursive: true });
  for (const path of ["bin", "lib", "lib64"]) symlinkSync(`usr/${path}`, join(tree, path));
  const script = (path: string, text: string) => {
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  };
  script(join(tree, "sbin/init"), init);
  writeFileSync(join(tree, "etc/passwd"), "root:x:0:0:root:/tmp:/bin/sh\n");
  const conf = join(nest.directory, "conf", name);
  writeFileSync(`${conf}.conf`, `IPROOT=lo:${address}/32\nS_FLAGS="fakeinit"\n`);
  writeFileSync(`${conf}.fstab`, "/usr /usr none bind,ro\n");
  script(`${conf}.sh`, hook(tree));
  return tree;
}

/** Its control group, which is the only thing of it that this machine has. */
export const groupOf = (name: string): string => join(cgroupRoot(), `vserver-${name}`);
