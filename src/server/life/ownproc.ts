/**
 * PROC=own: files of /proc and /sys that show a server its own limits and load. What changes by itself is read from the
 * kernel half by whoever reads; the processors are files of the main server's that are written when the server is set up,
 * and again when its limits change.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pinDirectory } from "../../context/abi.ts";
import { canShowOwnProc, ownProcFiles, ownProcPin, writeOwnProc } from "../../context/ownproc.ts";
import { mountFlags } from "../../linux/mount.ts";
import { type Step, step } from "../../linux/plan/step.ts";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";
import { stateDirectory } from "../paths.ts";
import { serverGroup } from "./cgroup.ts";

/** Slots of the plan that nothing else uses. */
const pinsSlot = 10;
const filesSlot = 11;
/** Where both are for a moment, to be mounted from. */
const waiting = "/dev/shm";
const MNT_DETACH = 2;

/** Files that are written here, by name, and where they are shown. */
const written = { cpuinfo: "/proc/cpuinfo", online: "/sys/devices/system/cpu/online" } as const;

const filesDirectory = (name: ServerName): string => join(stateDirectory(name), "own");

/** Numbers of a list such as `0-3,6`. */
const numbersOf = (list: string): readonly number[] =>
  list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });

/**
 * The processors a group may use: as many of those of its cpuset as its share of time is worth, and one at least.
 *
 * @param set text of cpuset.cpus.effective
 * @param most text of cpu.max
 */
export function usableProcessors(set: string, most: string): readonly number[] {
  const all = numbersOf(set);
  const [quota = "max", period = "100000"] = most.split(" ");
  return quota === "max" ? all : all.slice(0, Math.max(1, Math.ceil(Number(quota) / Number(period))));
}

/** The paragraphs of these processors from the text of /proc/cpuinfo, numbered from 0. */
export function processorParagraphs(cpuinfo: string, processors: readonly number[]): string {
  const numberOf = (paragraph: string) => Number(/^processor\s*: (\d+)$/m.exec(paragraph)?.[1]);
  return cpuinfo
    .split(/\n\n/)
    .filter((paragraph) => processors.includes(numberOf(paragraph)))
    .map((paragraph, at) => `${paragraph.trim().replace(/^(processor\s*: )\d+$/m, `$1${at}`)}\n\n`)
    .join("");
}

const groupText = (name: ServerName, file: string, otherwise: string): string => {
  const path = join(serverGroup(name), file);
  return existsSync(path) ? readFileSync(path, "utf8").trim() : otherwise;
};

/** Writes the files anew, each in its place: what is mounted elsewhere is the same file. Returns how many processors. */
function writeProcessors(name: ServerName): number {
  const online = readFileSync("/sys/devices/system/cpu/online", "utf8").trim();
  const set = groupText(name, "cpuset.cpus.effective", online) || online;
  const processors = usableProcessors(set, groupText(name, "cpu.max", "max"));
  const count = processors.length;
  const texts = {
    cpuinfo: processorParagraphs(readFileSync("/proc/cpuinfo", "utf8"), processors),
    online: count === 1 ? "0\n" : `0-${count - 1}\n`,
  };
  mkdirSync(filesDirectory(name), { recursive: true, mode: 0o755 });
  for (const file of ["cpuinfo", "online"] as const)
    writeFileSync(join(filesDirectory(name), file), texts[file], { mode: 0o444 });
  return count;
}

/** Nanoseconds since boot, at a moment of Date.now(). */
function sinceBoot(moment: number): bigint {
  const [uptime = "0"] = readFileSync("/proc/uptime", "utf8").split(" ");
  return BigInt(Math.max(0, Math.round((Number(uptime) * 1000 - (Date.now() - moment)) * 1e6)));
}

/**
 * Before the server's first process.
 *
 * @param started when it was started, as Date.now() says it
 * @throws VserverError where this machine cannot
 */
export function makeOwnProc(name: ServerName, xid: number | null, started: number): void {
  const refuse = (cause: string, wayOut: string) =>
    new VserverError({ object: `vserver ${name}`, attempt: "show it its own /proc", cause, wayOut, exitCode: 69 });
  if (xid === null) {
    throw refuse(
      "it has no security context (CONTEXTS=optional)",
      "set PROC=main, or boot a kernel that vkernel check approves of",
    );
  }
  if (!canShowOwnProc()) {
    throw refuse(
      "the kernel half that is loaded is an older one",
      "set PROC=main, or stop all servers, vkernel unload, and start them",
    );
  }
  const processors = writeProcessors(name);
  writeOwnProc(xid, { started: sinceBoot(started), processors });
}

/** After a change of the limits of a running server that has them. */
export function refreshOwnProc(name: ServerName, xid: number | null, started: number): void {
  if (xid === null || !existsSync(filesDirectory(name))) return;
  makeOwnProc(name, xid, started);
}

const failure = (name: ServerName) => ({ object: `vserver ${name}`, attempt: "show it its own /proc" });

/** Before the root changes. */
export const keepOwnProc = (name: ServerName): readonly Step[] => [
  step("clone_tree", { slot: pinsSlot, path: pinDirectory, recursive: 0 }, failure(name)),
  step("clone_tree", { slot: filesSlot, path: filesDirectory(name), recursive: 0 }, failure(name)),
];

/** When /proc, /sys and /dev/shm are mounted. */
export function showOwnProc(name: ServerName): readonly Step[] {
  const { MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REMOUNT } = mountFlags;
  const mount = (source: string, target: string, flags: number) =>
    step("mount", { source, target, type: "", flags: MS_BIND | flags, data: "" }, failure(name));
  const show = (slot: number, files: readonly (readonly [source: string, target: string])[]) => [
    step("attach", { slot, target: waiting }, failure(name)),
    ...files.flatMap(([source, target]) => [
      mount(join(waiting, source), target, 0),
      mount("", target, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC),
    ]),
    step("umount", { target: waiting, flags: MNT_DETACH }, failure(name)),
  ];
  return [
    ...show(
      pinsSlot,
      ownProcFiles.map((file) => [ownProcPin(file), `/proc/${file}`]),
    ),
    ...show(filesSlot, Object.entries(written)),
  ];
}
