/** vserver: builds, starts, stops and enters virtual servers. */
import { serverName } from "../server/name.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

const manual: Manual = {
  name: "vserver",
  section: 8,
  summary: "build, start, stop and enter virtual servers",
  synopsis: [
    "vserver [--nodev] [--silent] [--json] NAME start|stop|restart|running|status|enter",
    "vserver [--nodev] [--silent] NAME exec COMMAND [ARG...]",
    "vserver [--nodev] [--silent] NAME suexec USER COMMAND [ARG...]",
    "vserver [--nodev] [--silent] NAME service SERVICE ACTION",
    "vserver [--nodev] [--silent] NAME chkconfig [[--level LEVELS] SERVICE on|off]",
    "vserver NAME status --watch[=SECONDS] [--count=N]",
    "vserver NAME config get|set|edit|check [...]",
    "vserver NAME build [--method METHOD] [...]",
    "vserver NAME rename NEW",
    "vserver NAME copy|sync|move HOST",
    "vserver NAME takeover",
    "vserver NAME verify [--record]",
    "vserver NAME delete [--yes]",
    "vserver [--json] list",
  ],
  description: [
    "A virtual server is a directory, /vservers/NAME, and a file, /etc/vservers/NAME.conf (vserver.conf(5)). Running, it is nothing but its own processes: no process of ours stays with it.",
    "start sets up the server's surroundings (address, control group, security context, namespaces, mounts) and runs its own init scripts, or its /sbin/init when S_FLAGS has fakeinit, or the command of the container image that it was built from. PROFILE in the environment chooses the profile, where the conf file asks for one (vserver.conf(5)); the server finds it in the environment of its init and in /etc/PROFILE. A start that fails leaves nothing. A start or stop that was interrupted, by whatever, is no start: the next start or stop first ends and takes away what it has left, then does its own work.",
    "stop lets the server shut down by itself for up to a minute, then sends SIGTERM, then SIGKILL, and takes everything away that start made. Stopping a server that is not running only cleans up. A conf file that has become wrong is told, and keeps no server running.",
    "running says whether the server has processes. status says more; with --watch it says it again every 2 seconds (or SECONDS), with the processes that use most, until q or ^C. restart does nothing to a server that is not running.",
    "exec, suexec and service run a command inside, as root or as a user of the server's own /etc/passwd; enter runs a login shell. On a terminal the command gets a terminal of the server's own, never ours. A server that is not running is set up for the command, without its services, and taken down after it; with CONTEXTS=optional on a kernel without contexts the command is then process 1 of the server.",
    "service asks the server's systemd when that is its process 1, else its service(8) or init script. chkconfig switches a service on or off for the next start, by whatever the server has for that: chkconfig, update-rc.d, systemctl, rc-update; without words it lists what is on.",
    "build makes a server (vserver-build(8)), config looks into and changes its conf file (vserver-config(8)), rename gives a stopped server another name (a rename that was interrupted is completed by the same command), delete removes it (vserver-delete(8)). copy, sync, move and takeover are about other machines (vserver-move(8)). verify says which of its files have changed (vserver-verify(8)). list shows all servers.",
    "/etc/vservers/NAME.sh is called on the main server with pre-start, post-start, pre-stop or post-stop and NAME; after it the executable files in /etc/vservers/NAME.sh.d by name, those whose names have letters, digits, hyphens and underscores only. At stop the order is reversed. A pre-start that fails stops the start. Of a script at stop nothing depends: one that fails, or is killed after a minute, is told when the server is down, and the status is 1. Whatever becomes of a server, a post-stop follows each pre-start before the next one: at the latest when the next command starts or stops it; a script must bear being called once more. A script ends with the command that called it. What pre-start mounts below /vservers/NAME is there in the server.",
    "/etc/vservers/NAME.fstab, in the form of fstab(5), is for the common case: it is mounted in the server at start, shows nowhere else, and goes at stop. Sources are paths of the main server, targets paths in the server. Device nodes in it are dead.",
  ],
  options: [
    { flag: "--nodev", about: "leave network devices alone" },
    { flag: "--silent", about: "print no informational lines" },
    {
      flag: "--started",
      value: "TIME",
      about: "stop and restart: only if it is the server's start of that time (milliseconds since 1970) that runs",
    },
    { flag: "--json", about: "list, status and config as JSON" },
  ],
  exits: [
    ["0", "done, also when there was nothing to do"],
    ["1", "it failed, and standard error says why; running: it is not"],
    ["2", "wrong usage; delete: not confirmed"],
    ["3", "status: the server is not running"],
    ["5", "there is no conf file of that name; rename and delete: nothing of such a server"],
    ["69", "the kernel lacks something: see vkernel check"],
    ["other", "exec, suexec, service, enter: the status of the command, 128 + N when signal N killed it"],
  ],
  examples: [
    { command: "vserver web1 build --method debootstrap --include nginx", about: "Make a Debian server with nginx." },
    { command: "vserver web1 start", about: "Start its services." },
    { command: "vserver web1 exec ps ax", about: "List its processes." },
  ],
  seeAlso: [
    "vserver-build(8)",
    "vserver-config(8)",
    "vserver-delete(8)",
    "vserver-exit-status(7)",
    "vserver-move(8)",
    "vserver-verify(8)",
    "vserver.conf(5)",
    "vexec(8)",
    "vkernel(8)",
    "vps(8)",
    "vserver-stat(8)",
    "chcontext(8)",
  ],
};

function startOf(args: Arguments): number | undefined {
  const text = args.value("--started");
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError("vserver", `--started ${JSON.stringify(text)} is not a time in milliseconds`);
}

async function run(args: Arguments): Promise<number> {
  const reports = ["list", "status", "running"].some((word) => args.words.slice(0, 2).includes(word));
  const json = args.has("--json") || (reports && args.words.includes("--json"));
  const [first, action, ...words] = reports ? args.words.filter((word) => word !== "--json") : args.words;
  if (first === "list" && action === undefined) return (await import("./vserver/status.ts")).listServers(json);
  if (first === undefined || action === undefined) throw new UsageError("vserver", "a NAME and a COMMAND are needed");
  const name = serverName(first);
  if (action === "build") return (await import("./vserver/build.ts")).buildServer(name, words);
  const { actions } = await import("./vserver/actions.ts");
  const perform = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (perform === undefined) throw new UsageError("vserver", `no command ${action}`);
  return perform({
    name,
    words,
    noDevices: args.has("--nodev"),
    silent: args.has("--silent"),
    started: startOf(args),
    json,
  });
}

export const command: Command = { manual, run, rules: { stopAtWord: true } };
