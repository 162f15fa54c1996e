/**
 * A server's control group: `vserver-NAME` holds its limits and is ours, `vserver-NAME/init` holds its processes and is the
 * root of its cgroup namespace, so that its root cannot lift its own limits.
 *
 * It stands right below the root of the hierarchy, where the processes of the main server are: only there is a server
 * weighed against them, each by itself, whatever other servers do.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupRoot } from "../../linux/cgroup.ts";
import { errnoNumber } from "../../linux/errno.ts";
import { systemErrno } from "../../linux/system-error.ts";
import type { ServerName } from "../name.ts";

const wanted = ["cpu", "cpuset", "io", "memory", "pids"] as const;
export type Controller = (typeof wanted)[number];

export const serverGroup = (name: ServerName): string => join(cgroupRoot(), `vserver-${name}`);
export const guestGroup = (name: ServerName): string => join(serverGroup(name), "init");

const words = (file: string): readonly string[] => readFileSync(file, "utf8").trim().split(" ");

/** Whether groups below `directory` have this controller. */
export const hasController = (directory: string, controller: Controller): boolean =>
  words(join(directory, "cgroup.subtree_control")).includes(controller);

function passControllersDown(directory: string): void {
  const read = (file: string) => words(join(directory, file));
  const [available, passed] = [read("cgroup.controllers"), read("cgroup.subtree_control")];
  const missing = wanted.filter((one) => available.includes(one) && !passed.includes(one));
  const pass = (controllers: readonly string[]): boolean => {
    try {
      writeFileSync(join(directory, "cgroup.subtree_control"), controllers.map((one) => `+${one}`).join(" "));
      return true;
    } catch {
      return false;
    }
  };
  // All or none is passed at once. One that is busy elsewhere (cgroup v1, processes in the group) is no failure yet: who
  // needs it asks hasController.
  if (missing.length > 0 && !pass(missing)) for (const one of missing) pass([one]);
}

/**
 * What a server may make below its own group. The kernel has 65535 numbers for groups with a memory limit, for the whole
 * machine; a guest with systemd makes about a hundred groups, five deep.
 */
const most = { "cgroup.max.descendants": 1000, "cgroup.max.depth": 20 } as const;

/** Makes the groups; safe to repeat. */
export function makeGroups(name: ServerName): void {
  mkdirSync(guestGroup(name), { recursive: true, mode: 0o755 });
  for (const [file, number] of Object.entries(most)) writeFileSync(join(serverGroup(name), file), String(number));
  for (const directory of [cgroupRoot(), serverGroup(name)]) passControllersDown(directory);
}

/** Errors of a group that has gone, and of one the guest made for threads: its processes are listed above it. */
const unlisted = (["ENOENT", "ENODEV", "EOPNOTSUPP"] as const).map(errnoNumber);

/** What `read` finds; nothing in a group without a list. Groups that the guest makes come, go and change as it likes. */
function listed<Item>(read: () => readonly Item[]): readonly Item[] {
  try {
    return read();
  } catch (thrown) {
    if (unlisted.includes(systemErrno(thrown) ?? 0)) return [];
    throw thrown;
  }
}

const lines = (file: string): readonly string[] => listed(() => readFileSync(file, "utf8").split("\n"));

const subgroups = (directory: string): readonly string[] =>
  listed(() => readdirSync(directory, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name));

/** Whether any process, zombies aside, lives in the server. */
export const isPopulated = (name: ServerName): boolean =>
  lines(join(serverGroup(name), "cgroup.events")).includes("populated 1");

/** Numbers of the server's processes, its own subgroups included. */
export function groupProcesses(directory: string): readonly number[] {
  const own = lines(join(directory, "cgroup.procs")).filter(Boolean).map(Number);
  return [...own, ...subgroups(directory).flatMap(groupProcesses)];
}

/** SIGKILL for every process of the server, at once and without a race against forks (cgroup.kill, Linux 5.14). */
export function killGroup(name: ServerName): void {
  const file = join(serverGroup(name), "cgroup.kill");
  if (existsSync(file)) writeFileSync(file, "1");
}

/** Removes the groups; those the guest made go first. Safe to repeat; fails while processes live in them. */
export function removeGroups(directory: string): void {
  if (!existsSync(directory)) return;
  for (const group of subgroups(directory)) removeGroups(group);
  rmdirSync(directory);
}
