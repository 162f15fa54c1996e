/** Manuals of what is not a tool of its own: subcommands, the conf file, and vexec, which is `launch` by another name. */
import { limitKeys, limitTable } from "../server/conf/limits.ts";
import { contextCapabilities, defaultCapabilities, withheldCapabilities } from "../server/life/capability.ts";
import type { Manual } from "../text/manual.ts";
import { command as build } from "./vserver/build.ts";
import { manual as config } from "./vserver/config.ts";
import { manual as remove } from "./vserver/delete.ts";
import { manual as move } from "./vserver/move.ts";
import { manual as verify } from "./vserver/verify.ts";

const vexec: Manual = {
  name: "vexec",
  section: 8,
  summary: "run a command in a running virtual server, at once",
  synopsis: ["vexec NAME COMMAND [ARG...]"],
  description: [
    "Does what vserver NAME exec COMMAND does, by the plan that vserver wrote when the server was started: no conf file is read and no other program is started, so that it takes little longer than the command itself. Root only.",
    "The command has our standard input, output and error as they are. On a terminal use vserver NAME enter or exec, which give it a terminal of the server's own.",
  ],
  options: [],
  exits: [
    ["255", "it failed, and standard error says why; the server is not running, for example"],
    ["other", "the status of the command, 128 + N when signal N killed it"],
  ],
  examples: [{ command: "vexec web1 nginx -s reload", about: "Reload the configuration of a service." }],
  seeAlso: ["vserver(8)"],
};

const rebootmgr: Manual = {
  name: "rebootmgr",
  section: 8,
  summary: "restart or stop virtual servers whose own root asks for it",
  synopsis: ["rebootmgr [--pidfile FILE]"],
  description: [
    "A small daemon of the main server (rebootmgr.service, or /etc/init.d/rebootmgr). It stays in the foreground and logs to syslog; while one serves no other one does. Its resident memory is a few hundred kilobytes.",
    "Every server has a socket /dev/reboot, which only its root can connect to. The message reboot or halt, each with a line end, restarts or stops that server; which one it is, is told by the socket. vreboot and vhalt in the server send them.",
    "It also works with shutdown, reboot, halt and poweroff as they are: the kernel half reports reboot(2) when root of a server calls it, and a server without a process 1 of its own finds the pipe /run/initctl that System V's tools write to. reboot(2) of a 32-bit program on a 64-bit kernel is not reported; use vreboot there.",
    "A request holds for the start of the server that it came from, and survives one that takes long: the last one counts, one command at a time is at work for each server, eight for all. It calls vserver NAME restart or stop. A request made while it does not run is lost.",
    "For servers with SYSLOG=main in their conf file it also carries log messages to the main server's syslog (vserver.conf(5)).",
    "No server can block another: connections, requests, commands and lines in the log are limited for each.",
  ],
  options: [{ flag: "--pidfile", value: "FILE", about: "write the process id there" }],
  exits: [
    ["0", "ended by SIGTERM or SIGINT; commands at work go on"],
    ["255", "wrong usage, or it could not begin to serve"],
  ],
  seeAlso: ["vreboot(8)", "vserver(8)", "vservers(8)"],
};

const cowmgr: Manual = {
  name: "cowmgr",
  section: 8,
  summary: "give virtual servers copies of unified files that they write to",
  synopsis: ["cowmgr [--background]"],
  description: [
    "A small daemon of the main server, one for all servers whose conf file has cow in S_FLAGS. The first of them to start starts it (as cowmgr.service where systemd runs), and it ends when the last one is stopped. Its resident memory is a few hundred kilobytes; a machine without such a server has none.",
    "When such a server opens a unified file for writing, truncates it, or changes its mode, owner, times, attributes or access list, the kernel half refuses, has the system call begin anew, and tells cowmgr which file it was. cowmgr makes a file with the same content, owner, mode, times, attributes, access lists and flags, without the mark, and gives it the name in the server's tree. Then the call succeeds; the program, its parent and the shell notice nothing. Other servers keep the shared file.",
    "The copy counts for the server's and its owner's quota. When the disk or a quota is full the caller gets ENOSPC or EDQUOT, for any other reason EPERM, and the shared file is as it was. While cowmgr does not run, writing is refused with EPERM; vserver NAME status says so.",
    "Each server has one copy made at a time, in a process of its own: a server waits for itself alone. Nothing that a server does is logged, but for one line when it has replaced a file over and over while it was copied.",
    "In .cow, beside the servers' trees, a copy stands while it changes places with the file. What a killed cowmgr has left there is removed by the next one.",
  ],
  options: [
    { flag: "--background", about: "return when it serves, or another one does; without it stay in the foreground" },
  ],
  exits: [
    ["0", "ended by SIGTERM or SIGINT, or no server has the flag any more; with --background: one serves"],
    ["255", "wrong usage, or it could not begin to serve"],
  ],
  seeAlso: ["vserver.conf(5)", "vunify(8)", "setattr(8)", "vserver(8)"],
};

const vreboot: Manual = {
  name: "vreboot",
  section: 8,
  summary: "have this virtual server restarted or stopped",
  synopsis: ["vreboot [--socket PATH]", "vhalt [--socket PATH]"],
  description: [
    "To be called within a virtual server by its root: vreboot asks the main server to restart it, vhalt to stop it. The main server must run rebootmgr(8). They are one static program that build puts into every server.",
  ],
  options: [{ flag: "--socket", value: "PATH", about: "the socket to ask; /dev/reboot unless said" }],
  exits: [
    ["0", "asked"],
    ["255", "nobody listens, or wrong usage"],
  ],
  seeAlso: ["rebootmgr(8)"],
};

const list = (rows: readonly (readonly [string, string])[]) => rows.map(([name, reason]) => `  ${name}: ${reason}`);

const conf: Manual = {
  name: "vserver.conf",
  section: 5,
  summary: "settings of one virtual server, and of all",
  synopsis: ["/etc/vservers/NAME.conf", "/etc/vserver.conf"],
  description: [
    "Settings are written as in a shell script: KEY=VALUE, quotes, comments, $VARIABLES set in the same file, case $PROFILE in ... esac, if [ ... ]. The file is read, never executed: a command substitution or anything else that only a shell could do is an error, reported with file, line and column.",
  ],
  options: [],
  sections: [
    {
      title: "Keys of a server",
      paragraphs: [
        "IPROOT: the addresses the server is tied to, 16 at most, IPv4 and IPv6 mixed: [DEVICE:]ADDRESS[/PREFIX or /MASK] each; a host name will do, and of 127.0.0.0/8 none from 127.0.2.0 on. Empty or 0.0.0.0: not tied at all. ALL: what the main server has when the server starts. Without an IPv6 address there is no IPv6. A tied server has a loopback of its own, 127.0.0.0/8 and ::1.",
        "IPROOTDEV: the network device that gets those as aliases (DEVICE:NAME, DEVICE:NAME1 ...) which no device has yet, while the server runs; a VLAN device such as eth0.231 is made when it is not there. With arping installed, an IPv4 address that another machine answers for is refused; IPv6 has duplicate address detection of its own.",
        "IPROOTMASK, IPROOTBCAST: network mask and broadcast address of the aliases; those of the device when left out. The broadcast address may be bound to by datagram sockets besides.",
        "SYSLOG: main sends what the server's programs write to /dev/log into the main server's log, where the server can alter nothing: each message on one line, with NAME/ before it, never in the name of a kernel, at most 50 a second for long. rebootmgr(8) must run. Switch the server's own log daemon off (vserver NAME chkconfig rsyslog off), for it would take /dev/log for itself.",
        "NETNS: yes gives the server a network namespace of its own, with these addresses on an eth0 that is routed to it through a pair of veth devices (vsCONTEXT on the main server, which then forwards packets and answers for the addresses on their devices). Then it sees no device, address or socket but its own, receives broadcasts and multicast on its own link, and may be given CAP_NET_ADMIN; it costs the veth pair's way for each packet and some 20 ms at start. Without it the server shares the main server's network stack, nothing is in the way of its packets but a check of addresses, and ip, ss and /proc/net show it the devices, addresses and sockets of all.",
        "S_HOSTNAME, S_DOMAINNAME: host name and NIS domain name; inherited when left out; S_DOMAINNAME=none clears it.",
        "S_CONTEXT: the security context, 2 to 65535; an unused one when left out.",
        "S_CAPS: capabilities to keep (CAP_NET_RAW) or to take away as well (!CAP_CHOWN), beside the default ones below. It is settled when the server starts: what enters it later gets no more.",
        "S_FLAGS: lock (no process makes another context), nproc (ULIMIT -u counts for the whole server), private (nobody enters, not even root of the main server), fakeinit (the server's own /sbin/init runs as its process 1, or the command in its /etc/vserver-command.json: vserver-build(8)), minit, hideinfo, sched (all processes of the server together weigh as one of the main server; the same as CPU_WEIGHT=100), ulimit, cow (writing to a unified file gives the server a file of its own under that name, see cowmgr(8); without it that is refused). Default: lock nproc.",
        "S_NICE: nice level of every process, -20 to 19. Nobody in the server gets a better one, root included: CAP_SYS_NICE is withheld even if S_CAPS names it, real-time scheduling and better I/O priorities are refused, and the server as a whole weighs what one process of that level weighs. A process may worsen its level and come back. ULIMIT: arguments of the shell's ulimit, for each process; default -HS -u 1000.",
        "HIDEPID: yes, no. A server without fakeinit shares the numbers of processes with the main server. By default its own /proc shows nothing of foreign processes, not even their numbers; to that end an ordinary user in it sees only processes of its own (mount option hidepid=ptraceable). HIDEPID=no lets its users see each other's processes; then the bare numbers of foreign ones are in a listing of /proc, too. With fakeinit nothing foreign is there to begin with, and HIDEPID=yes hides its users from each other.",
        "PROC: main (the default) or own. With own, /proc/meminfo, cpuinfo, loadavg, uptime and swaps and /sys/devices/system/cpu/online in the server show its own limits and load, so that free, uptime, w and the memory and load of top do: memory and swap up to MEMORY and SWAP, as many processors as CPUSET and CPU_MAX are worth, its own processes' load, the time since its start. It needs a security context. A reader pays some microseconds more than for the machine's file; nothing runs while nobody reads, but a sample of the load every five seconds once somebody has read it. nproc follows CPUSET alone, which it asks the kernel for.",
        "ONBOOT: yes starts the server with the machine. PRIORITY: 0 to 999, the lower starts first. PROFILE: what case $PROFILE selects.",
        "# Description: TEXT: a comment that lists show.",
      ],
    },
    {
      title: "Limits of a server",
      paragraphs: [
        "They hold for the whole server, everything entered into it included, from its start on; vlimit(8) shows how much is used and changes them at any time. A limit that is not set is as the kernel has it: none. SIZE: a number of bytes, or of powers of 1024 with K, M, G or T behind it. unlimited lifts a limit.",
        ...limitKeys.map((key) => `  ${key}=${limitTable[key].value}: ${limitTable[key].about}`),
        "RATE: a number, for the disk that holds the server's tree, or DEVICE=NUMBER for others, separated by blanks. A server that waits for its turn is only slowed down, by CPU_MAX and the rates of IO_. Each server stands beside the main server's own processes and groups: 100 in CPU_WEIGHT is as much as one process of nice 0 has there, however many processes the server runs. IO_WEIGHT needs the scheduler bfq or the io.cost model on the disk.",
        "Over MEMORY the server's caches are given back, then the kernel kills one of its processes. NPROC goes before ULIMIT -u with the flag nproc.",
      ],
    },
    { title: "Capabilities kept by default", paragraphs: list(defaultCapabilities) },
    {
      title: "Kept by default only with a security context",
      paragraphs: [
        "A server that runs without a security context (CONTEXTS=optional) has these only if S_CAPS names them:",
        ...list(contextCapabilities),
      ],
    },
    {
      title: "Capabilities of 2003 that are withheld",
      paragraphs: list(withheldCapabilities),
    },
    {
      title: "Keys of /etc/vserver.conf",
      paragraphs: [
        "CONTEXTS: required (the default) or optional. Optional: on a kernel without security contexts a server with the flag fakeinit runs on namespaces alone; it sees only itself, but the main server sees its processes, and status says so.",
        "LIMITS: required (the default) or optional. A server that asks for a limit which this machine cannot enforce, for want of a cgroup v2 controller for example, is not started; with optional it is, and a line on standard error says which limit does not hold.",
        "VSERVERS: the directory of the servers' trees, default /vservers. MIRROR, SUITE: where build --method debootstrap gets packages, and which release.",
      ],
    },
  ],
  exits: [],
  seeAlso: ["vserver(8)", "vlimit(8)", "capabilities(7)", "proc(5)"],
};

export const pages: readonly Manual[] = [
  vexec,
  rebootmgr,
  cowmgr,
  vreboot,
  conf,
  build.manual,
  config,
  remove,
  move,
  verify,
];
