/**
 * A server's control group: `vserver-NAME` holds its limits and is ours, `vserver-NAME/init` holds its processes and is the
 * root of its cgroup namespace, so that its root cannot lift its own limits.
 *
 * It stands right below the root of the hierarchy, where the processes of the main server are: only there is a server
 * weighed against them, each by itself, whatever other servers do.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupRoot } from "../../linux/cgroup.ts";
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

/** Makes the groups; safe to repeat. */
export function makeGroups(name: ServerName): void {
  mkdirSync(guestGroup(name), { recursive: true, mode: 0o755 });
  for (const directory of [cgroupRoot(), serverGroup(name)]) passControllersDown(directory);
}

/** Whether any process, zombies aside, lives in the server. */
export function isPopulated(name: ServerName): boolean {
  const events = join(serverGroup(name), "cgroup.events");
  return existsSync(events) && /^populated 1$/m.test(readFileSync(events, "utf8"));
}

/** Numbers of the server's processes, its own subgroups included. */
export function groupProcesses(directory: string): readonly number[] {
  if (!existsSync(directory)) return [];
  const below = readdirSync(directory)
    .map((entry) => join(directory, entry))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory())
    .flatMap(groupProcesses);
  const own = readFileSync(join(directory, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  return [...own, ...below];
}

/** SIGKILL for every process of the server, at once and without a race against forks (cgroup.kill, Linux 5.14). */
export function killGroup(name: ServerName): void {
  const file = join(serverGroup(name), "cgroup.kill");
  if (existsSync(file)) writeFileSync(file, "1");
}

/** Removes the groups; those the guest made go first. Safe to repeat; fails while processes live in them. */
export function removeGroups(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory)) {
    const path = join(directory, entry);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) removeGroups(path);
  }
  rmdirSync(directory);
}
