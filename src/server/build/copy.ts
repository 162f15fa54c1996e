/** `--method copy`: the programs, settings and data of a running machine, as in 2003, without what identifies it. */
import { closeSync, existsSync, lstatSync, realpathSync } from "node:fs";
import { join, relative } from "node:path";
import { beneath } from "../../linux/beneath.ts";
import { VserverError } from "../../text/error.ts";
import { confined } from "./confine.ts";
import type { Job } from "./job.ts";
import { findTool, pipe, runTool } from "./tool.ts";
import { extraction } from "./unpack.ts";

/** What a server is copied from: the directories of 2003 and the other homes of libraries since. */
const directories = ["sbin", "bin", "etc", "usr", "var", "lib", "lib32", "lib64", "libx32"];

/** Left out: kernels' modules, caches, mail, other machines and servers, what we remember of them, and what must not be had twice. */
const excluded = [
  "etc/cron.d/kmod",
  "etc/ssh/ssh_host_*",
  "etc/vserver.conf",
  "etc/vservers",
  "lib/modules/*",
  "usr/lib/modules/*",
  "var/cache/apt/archives/*.deb",
  "var/cache/vserver",
  "var/lib/containerd",
  "var/lib/docker",
  "var/lib/libvirt",
  "var/lib/lxc",
  "var/lib/machines",
  "var/lib/vserver",
  "var/log/journal/*",
  "var/mail/*",
  "var/spool/mail/*",
  "var/tmp/*",
];

/** Files of the home of root that a login shell reads. */
const shellFiles = [".bashrc", ".bash_profile", ".profile"];

/** Copies from the machine whose root is `source`. */
export async function copy(job: Job, source: string, serversRoot: string): Promise<void> {
  const attempt = `copy ${source}`;
  const present = directories.filter((name) => lstatSync(join(source, name), { throwIfNoEntry: false }) !== undefined);
  if (!present.includes("etc") || !existsSync(source)) {
    throw new VserverError({
      object: job.object,
      attempt,
      cause: "there is no etc in it",
      wayOut: "name a root directory",
    });
  }
  const own = relative(realpathSync(source), realpathSync(serversRoot));
  const command = [
    ...["--create", "--file=-", "--directory=/source", "--one-file-system", "--sparse", "--numeric-owner"],
    ...[
      "--format=posix",
      "--xattrs",
      "--acls",
      "--anchored",
      "--wildcards",
      ...excluded.map((path) => `--exclude=${path}`),
    ],
    ...["--no-wildcards", `--exclude=${own}`, "--", ...present],
  ];
  const tar = findTool(job, "tar", "tar");
  const data = pipe();
  job.progress.phase(`copying ${source}`);
  const writing = runTool(job, {
    attempt,
    command: [tar, ...command],
    stdout: data.write,
    // A file that changed or went away while it was read is what copying a running machine means.
    accepted: [1],
    ...confined(job, attempt, [{ path: source, as: "source", recursive: true }]),
  });
  closeSync(data.write);
  const reading = runTool(job, { ...extraction(job, attempt, tar), stdin: data.read });
  closeSync(data.read);
  // When unpacking fails, that is the reason: the other end only finds nobody to write to.
  const [written, read] = await Promise.allSettled([writing, reading]);
  for (const end of [read, written]) if (end.status === "rejected") throw end.reason;
  clean(job, source);
}

/** Removes the traces of the machine's own running. */
function clean(job: Job, source: string): void {
  beneath(job.staging.tree, (tree) => {
    for (const path of ["var/run", "var/lock/subsys", "var/log"]) tree.removeFiles(path);
    if (tree.exists("var/log")) tree.write("var/log/wtmp", "", 0o664);
    tree.makeDirectory("root", 0o750);
    for (const name of shellFiles) {
      const text = beneath(source, (machine) => machine.readText(`root/${name}`));
      if (text !== undefined) tree.write(`root/${name}`, text);
    }
  });
}
