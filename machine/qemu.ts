/** The command lines of QEMU and of the file servers beside it. */
import { existsSync } from "node:fs";
import { VserverError } from "../src/text/error.ts";
import type { MachineOptions } from "./options.ts";

export interface FileServer {
  /** Name of the file system in the machine. */
  readonly tag: string;
  readonly from: string;
  readonly socket: string;
  readonly writable: boolean;
  /** Nobody changes it during the run, so the machine may keep what it has seen: many times faster. */
  readonly fixed: boolean;
}

/** Debian 13 has it as a package of its own, Debian 12 as a part of QEMU's; both know these options. */
const programs = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"];

function virtiofsd(): string {
  const found = programs.find((path) => existsSync(path));
  if (found !== undefined) return found;
  const cause = "virtiofsd is not installed";
  throw new VserverError({ object: "machine", attempt: "share its root tree", cause, wayOut: "run make setup" });
}

/** Read-only directories are made so out here, where the machine's root has no say. */
export function fileServer({ from, socket, writable, fixed }: FileServer): string[] {
  const options = [`source=${from}`, "sandbox=chroot", "xattr", `cache=${fixed ? "always" : "auto"}`];
  const serve = [virtiofsd(), `--socket-path=${socket}`, "-f", "-o", options.join(",")];
  if (writable) return serve;
  const readOnly = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  return ["unshare", "--mount", "sh", "-c", readOnly, from, ...serve];
}

/** Sockets and files that the machine is plugged into. */
export interface Wiring {
  readonly kernel: string;
  readonly disk: string;
  readonly servers: readonly FileServer[];
  readonly console: string;
  readonly terminal: string;
  /** The numbered ports, from 1. */
  readonly ports: readonly string[];
}

function kernelArguments(options: MachineOptions): string {
  return [
    "console=ttyS0 quiet panic=-1",
    // Emulated processors may wait long for a turn.
    "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=180 workqueue.watchdog_thresh=180",
    "sysctl.kernel.hung_task_timeout_secs=360",
    // QEMU keeps code that it has translated for the next process that has it at the same address: a tool starts in half the
    // time.
    "norandmaps",
    "rootfstype=virtiofs root=root ro init=/usr/sbin/machine-init",
    ...(options.keep === undefined ? [] : ["machine.keep"]),
    // Its default is the graphical one.
    ...(options.systemd ? ["machine.systemd systemd.unit=multi-user.target"] : []),
    ...options.append,
  ].join(" ");
}

export function qemu(options: MachineOptions, wiring: Wiring): string[] {
  const memory = `${options.memory}M`;
  const words = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"];
  // What a real processor does at once, to fill a page or to follow a fifth level of page tables, QEMU does step by step.
  words.push("-cpu", "max,-erms,-fsrm,-la57", "-smp", String(options.cpus), "-m", memory);
  // Processors take turns. With a thread for each QEMU may execute a breakpoint that the kernel, which patches its own
  // text at every load and unload of a BPF program, has taken away again: the machine dies of it.
  words.push("-accel", "tcg,thread=single");
  if (options.icount) words.push("-icount", "shift=0,sleep=off");
  words.push("-object", `memory-backend-memfd,id=memory,size=${memory},share=on`, "-numa", "node,memdev=memory");
  words.push("-kernel", wiring.kernel, "-append", kernelArguments(options));
  words.push("-chardev", `socket,id=console,path=${wiring.console}`, "-serial", "chardev:console");
  for (const { tag, socket } of wiring.servers) {
    words.push("-chardev", `socket,id=${tag},path=${socket}`, "-device", `vhost-user-fs-pci,chardev=${tag},tag=${tag}`);
  }
  const changes = `snapshot=${options.keep === undefined ? "on" : "off"}`;
  words.push("-drive", `file=${wiring.disk},format=raw,if=none,id=disk,${changes},cache=unsafe,discard=unmap`);
  words.push("-device", "virtio-blk-pci,drive=disk", "-device", "virtio-serial-pci");
  words.push("-chardev", `socket,id=terminal,path=${wiring.terminal}`, "-device", "virtconsole,chardev=terminal,nr=0");
  wiring.ports.forEach((socket, at) => {
    words.push("-chardev", `socket,id=port${at + 1},path=${socket}`);
    words.push("-device", `virtserialport,chardev=port${at + 1},nr=${at + 1}`);
  });
  return words;
}
