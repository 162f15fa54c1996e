/** A server's mount tree: its own directory as the root, a minimal /dev, and a /proc and /sys that change nothing outside. */
import { existsSync, lstatSync, readdirSync, statSync } from "node:fs";
import { mountFlags } from "../../linux/mount.ts";
import { type Step, step } from "../../linux/plan/step.ts";
import type { ServerName } from "../name.ts";

const { MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT, MS_SLAVE } = mountFlags;
const inert = MS_NOSUID | MS_NODEV | MS_NOEXEC;
const S_IFCHR = 0o020000;

/** Device nodes: minor and major numbers of Documentation/admin-guide/devices.txt. */
const devices = [
  { name: "null", major: 1, minor: 3, mode: 0o666 },
  { name: "zero", major: 1, minor: 5, mode: 0o666 },
  { name: "full", major: 1, minor: 7, mode: 0o666 },
  { name: "random", major: 1, minor: 8, mode: 0o666 },
  { name: "urandom", major: 1, minor: 9, mode: 0o666 },
  { name: "tty", major: 5, minor: 0, mode: 0o666 },
] as const;

const links = [
  ["/proc/self/fd", "fd"],
  ["/proc/self/fd/0", "stdin"],
  ["/proc/self/fd/1", "stdout"],
  ["/proc/self/fd/2", "stderr"],
  ["pts/ptmx", "ptmx"],
] as const;

/**
 * Out of sight in a server: the main server's memory, keys, timers, hardware, and the locks of other servers. Not
 * /proc/kmsg, which only CAP_SYSLOG opens: what a log daemon finds in its place it would read for ever.
 */
const hidden = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/config.gz",
  "/proc/interrupts",
  "/proc/kallsyms",
  "/proc/kcore",
  "/proc/key-users",
  "/proc/keys",
  "/proc/kpagecgroup",
  "/proc/kpagecount",
  "/proc/kpageflags",
  "/proc/latency_stats",
  "/proc/locks",
  "/proc/modules",
  "/proc/pagetypeinfo",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/slabinfo",
  "/proc/sysrq-trigger",
  "/proc/timer_list",
  "/proc/vmallocinfo",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
  "/sys/kernel/debug",
  "/sys/kernel/security",
  "/sys/kernel/tracing",
  "/sys/module",
];

const device = (major: number, minor: number): number => (major << 8) | minor;

function mountStep(name: ServerName, source: string, target: string, type: string, flags: number, data = ""): Step {
  return step(
    "mount",
    { source, target, type, flags, data },
    { object: `vserver ${name}`, attempt: `mount ${target}` },
  );
}

function hide(name: ServerName, path: string): Step {
  // A kernel may lack the file; the plan is made on the kernel it runs on, so what is there must be hidden.
  if (statSync(path).isDirectory()) return mountStep(name, "none", path, "tmpfs", MS_RDONLY | inert, "size=0,mode=0");
  return mountStep(name, "/dev/null", path, "", MS_BIND);
}

/**
 * What is not about processes and could be written to: uid 0 is all the kernel asks for in most of it, and it changes the
 * main server. Every directory counts, and every file that anybody may write to, so that what a newer kernel adds does.
 */
const writable = (): readonly string[] =>
  readdirSync("/proc")
    .filter((entry) => !/^([0-9]+|self|thread-self)$/.test(entry))
    .map((entry) => `/proc/${entry}`)
    .filter((path) => {
      const status = lstatSync(path, { throwIfNoEntry: false });
      return status?.isDirectory() || (status?.isFile() && (status.mode & 0o222) !== 0);
    });

function keepFromWriting(name: ServerName, path: string): readonly Step[] {
  return [
    mountStep(name, path, path, "", MS_BIND | MS_REC),
    mountStep(name, "", path, "", MS_BIND | MS_REMOUNT | MS_RDONLY | inert),
  ];
}

const hideAll = (name: ServerName, directory: string): readonly Step[] =>
  hidden.filter((path) => path.startsWith(directory) && existsSync(path)).map((path) => hide(name, path));

/** A /proc of its own, for the PID namespace of the process that performs these steps. */
export function procSteps(name: ServerName, hidePid: boolean): readonly Step[] {
  const options = hidePid ? "hidepid=ptraceable" : "";
  return [
    mountStep(name, "proc", "/proc", "proc", inert, options),
    ...writable()
      .filter((path) => !hidden.includes(path))
      .flatMap((path) => keepFromWriting(name, path)),
    ...hideAll(name, "/proc/"),
  ];
}

/** The server's directory becomes the root. Hooks may have mounted in it: what they mounted comes along. */
export function rootSteps(name: ServerName, directory: string): readonly Step[] {
  const failure = { object: `vserver ${name}`, attempt: `make ${directory} its root` };
  return [
    step("mount", { source: "", target: "/", type: "", flags: MS_REC | MS_SLAVE, data: "" }, failure),
    step("mount", { source: directory, target: directory, type: "", flags: MS_BIND | MS_REC, data: "" }, failure),
    // Device nodes in the tree stay dead, whoever made them.
    step(
      "mount",
      { source: "", target: directory, type: "", flags: MS_BIND | MS_REMOUNT | MS_NODEV, data: "" },
      failure,
    ),
    step("pivot_root", { directory }, failure),
  ];
}

const directory = (name: ServerName, path: string, mode: number): Step =>
  step("mkdir", { path, mode }, { object: `vserver ${name}`, attempt: `make ${path}` });

function devSteps(name: ServerName, terminals: string): readonly Step[] {
  return [
    directory(name, "/dev", 0o755),
    mountStep(name, "dev", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=1m"),
    ...devices.map(({ name: node, major, minor, mode }) =>
      step(
        "mknod",
        { path: `/dev/${node}`, mode: S_IFCHR | mode, device: device(major, minor) },
        { object: `vserver ${name}`, attempt: `make /dev/${node}` },
      ),
    ),
    ...links.map(([target, link]) => step("symlink", { target, path: `/dev/${link}` })),
    directory(name, "/dev/pts", 0o755),
    mountStep(name, "devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, `newinstance,${terminals}`),
    directory(name, "/dev/shm", 0o1777),
    mountStep(name, "shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"),
    directory(name, "/dev/mqueue", 0o1777),
    mountStep(name, "mqueue", "/dev/mqueue", "mqueue", inert),
  ];
}

/** What is mounted in the root, /proc aside. `ownInit`: the server's process 1 manages its part of the cgroup tree; `terminals`: options of its devpts. */
export function treeSteps(name: ServerName, ownInit: boolean, terminals: string): readonly Step[] {
  return [
    ...devSteps(name, terminals),
    directory(name, "/proc", 0o555),
    directory(name, "/sys", 0o555),
    mountStep(name, "sysfs", "/sys", "sysfs", MS_RDONLY | inert),
    ...hideAll(name, "/sys/"),
    mountStep(name, "cgroup2", "/sys/fs/cgroup", "cgroup2", inert | (ownInit ? 0 : MS_RDONLY)),
    directory(name, "/run", 0o755),
    mountStep(name, "run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"),
    directory(name, "/run/lock", 0o1777),
    // Bounded: every user of the server may write to it. systemd would mount it, and could not.
    mountStep(name, "lock", "/run/lock", "tmpfs", inert, "mode=1777,size=5m"),
  ];
}
