/** What root of a server does to take more than its share: the attacks of fairness.test.ts and of bench/fairness. */
import { writeFileSync } from "node:fs";
import type { LimitKey } from "../../../src/server/conf/limits.ts";
import { type } from "../shell.ts";
import { makeServer, removeServer } from "./place.ts";

export interface Attack {
  readonly name: string;
  /** Words of the command. It goes on until it is ended. */
  readonly command: readonly string[];
  /** The limits it runs into: of those that are counted it hits each, of the others it uses nearly all. */
  readonly limits: readonly LimitKey[];
}

const stress = (words: string): readonly string[] => [
  ...["stress-ng", "--quiet", "--temp-path", "/tmp", "--timeout", "100"],
  ...words.split(" "),
];
/** For what stress-ng gives up when it meets a limit. */
const forEver = (setup: string, turn: string): readonly string[] => [
  "python3",
  "-c",
  `${setup}\nwhile True:\n  try: ${turn}\n  except OSError: pass`,
];

export const attacks: readonly Attack[] = [
  { name: "fork bomb", command: stress("--fork 4 --fork-max 64"), limits: ["NPROC"] },
  {
    name: "spinning threads",
    command: stress("--cpu 8 --cpu-method loop --pthread 2 --pthread-max 200"),
    limits: ["CPU_MAX", "NPROC"],
  },
  { name: "memory hog", command: stress("--vm 2 --vm-bytes 120M --vm-keep"), limits: ["MEMORY"] },
  { name: "disk filler", command: stress("--fallocate 2 --fallocate-bytes 200M"), limits: ["DISK"] },
  {
    name: "inode filler",
    command: forEver("import os\nmade = 0", "os.mkdir('/tmp/%d' % made); made += 1"),
    limits: ["INODES"],
  },
  { name: "I/O storm", command: stress("--hdd 4 --hdd-bytes 8M"), limits: ["CPU_MAX"] },
  { name: "file hog", command: stress("--open 2 --open-max 3000"), limits: ["FILES"] },
  { name: "terminal hog", command: stress("--pty 2 --pty-max 500"), limits: ["PTYS"] },
  {
    name: "pipes, semaphores, queues, dentries",
    command: stress("--pipeherd 1 --sem-sysv 2 --msg 2 --mq 1 --sockmany 1 --dentry 1 --dentries 500"),
    limits: ["CPU_MAX"],
  },
  {
    name: "full socket buffers",
    command: forEver(
      "import socket\nheld = []",
      "held.append(socket.socketpair()); held[-1][0].setblocking(False); [held[-1][0].send(bytes(65536)) for _ in range(99)]",
    ),
    limits: ["MEMORY"],
  },
];

/** The server that attacks, and the one whose nginx answers meanwhile. */
export const rogue = "rogue";
export const calm = "calm";
export const calmAddress = "10.0.0.161";

const limits = [
  ...["MEMORY=96M", "NPROC=80", "FILES=600", "DISK=40M", "INODES=1500", "PTYS=8", "SHM=16M", "SEMAPHORES=200"],
  ...["MESSAGES=4", "QUEUES=4", "CPU_MAX=120%", "IO_WRITE=4M", "IO_WRITE_OPS=200"],
];

const nginx = `user root; worker_processes 1; pid /run/nginx.pid; error_log /tmp/nginx.log;
events { }
http { access_log off; server { listen 80; location / { root /srv; } } }
`;

/** Makes and starts both. @throws when one does not start */
export async function startBoth(): Promise<void> {
  await makeServer(calm, 'S_CONTEXT=735\nS_FLAGS="lock nproc sched"');
  await makeServer(rogue, ["S_CONTEXT=736", 'S_FLAGS="lock nproc sched"', ...limits].join("\n"));
  writeFileSync(`/vservers/${calm}/etc/nginx.conf`, nginx);
  writeFileSync(
    `/vservers/${calm}/etc/init.d/rc`,
    "#!/bin/sh\nmkdir -p /srv /var/lib/nginx /var/log/nginx\necho calm >/srv/index.html\nexec nginx -c /etc/nginx.conf\n",
  );
  const { status, output } = await type(
    `sed -i 's/^IPROOT=.*/IPROOT=eth0:${calmAddress}\\/24/' /etc/vservers/${calm}.conf
     vserver --silent ${calm} start && vserver --silent ${rogue} start`,
  );
  if (status !== 0) throw new Error(output);
}

/** Ends what runs and removes both. */
export async function removeBoth(): Promise<void> {
  for (const name of [rogue, calm]) await removeServer(name);
}

export const attackCommand = ({ command }: Attack): readonly string[] => ["vserver", rogue, "exec", ...command];

/** Ends an attack at once, and takes away what it has left on the disk. */
export async function endAttack(): Promise<void> {
  await type(`
    echo 1 >/sys/fs/cgroup/vserver-${rogue}/init/vserver-exec/cgroup.kill
    until grep -q 'populated 0' /sys/fs/cgroup/vserver-${rogue}/init/vserver-exec/cgroup.events; do sleep 0.1; done
    find /vservers/${rogue}/tmp -mindepth 1 -delete`);
}
