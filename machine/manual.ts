/** The words of `machine/run` and `machine/shell`: their help and their option parser. */
import type { Manual } from "../src/text/manual.ts";

const options = [
  { flag: "--kernel", value: "6.12|7", about: "kernel to boot: Debian's 6.12, or the newest 7.x (default 6.12)" },
  { flag: "--share", value: "HOSTDIR:PATH", repeat: true, about: "make a directory of this machine writable at PATH" },
  { flag: "--timeout", value: "S", about: "end the run after S seconds with status 124 (default 600; a shell: none)" },
  { flag: "--install", value: "PKG", repeat: true, about: "add a Debian package to the root tree" },
  { flag: "--guest", value: "NAME", repeat: true, about: "make only this tree for virtual servers (default: all)" },
  {
    flag: "--disk",
    value: "IMAGE",
    about: "raw disk image to mount at /vservers instead of the empty one; not changed",
  },
  {
    flag: "--keep",
    value: "IMAGE",
    about: "disk image with all that the machine changes, made if it is not there: the next run goes on from it",
  },
  { flag: "--systemd", about: "process 1 is systemd, and the command one of its services, begun with the boot" },
  { flag: "--memory", value: "M", about: "memory in MiB (default 2048)" },
  { flag: "--cpus", value: "N", about: "virtual processors (default 2)" },
  { flag: "--icount", about: "one processor whose time is a count of instructions: repeatable measurements" },
  { flag: "--append", value: "ARGS", repeat: true, about: "more words for the kernel's command line" },
] as const;

const description = [
  "The test machine is a stock Debian kernel in QEMU on a throw-away copy of a Debian 13 tree. It has no network but its " +
    "own: lo, and eth0 with 10.0.0.1/24. This working tree is readable at /src, what `make build` made is installed, " +
    "/vservers is an ext4 disk with project quota, and /var/cache/vserver has Debian trees for virtual servers. Nothing it does lasts longer than the run, unless --keep says so.",
];

export const runManual: Manual = {
  name: "machine/run",
  section: 8,
  summary: "run a command as root in the test machine",
  synopsis: ["machine/run [options] [--] COMMAND [ARG…]", "machine/run [options] - < SCRIPT"],
  description,
  options,
  exits: [
    ["N", "that of the command; 128 + the signal that ended it"],
    ["70", "the kernel failed (panic, oops, lockup, refused BPF object), or there was no result"],
    ["124", "the time was up"],
  ],
};

export const shellManual: Manual = {
  name: "machine/shell",
  section: 8,
  summary: "open a terminal in the test machine",
  synopsis: ["machine/shell [options] [--] [COMMAND [ARG…]]"],
  description,
  options,
  exits: runManual.exits,
};
