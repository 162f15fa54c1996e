/**
 * Performs a server's mount table: in the server's mount namespace, so that nothing of it shows on the main server and all
 * of it goes when the server stops. Sources are looked up on the main server, targets with the server's root as the root:
 * a link that its root has planted leads nowhere else.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { MNT_DETACH, mountFlags } from "../../linux/mount.ts";
import { type Step, type StepFailure, step } from "../../linux/plan/step.ts";
import { readText } from "../conf/file.ts";
import { parseMountTable, type TableMount } from "../conf/fstab.ts";
import type { ServerName } from "../name.ts";
import { mountTable, stateDirectory } from "../paths.ts";

/** A slot of the plan that nothing else uses. */
const slot = 13;
/** Where they wait in the new root: a directory that is there and has nothing mounted on it yet. */
const waiting = "/proc";
const O_CREAT = 0o100;
const { MS_BIND, MS_MOVE, MS_NODEV, MS_NOSUID, MS_REC, MS_REMOUNT, MS_SLAVE } = mountFlags;

/** @throws VserverError whose line begins `FILE:LINE:` */
export const readMountTable = (name: ServerName): readonly TableMount[] =>
  parseMountTable(readText(mountTable(name)) ?? "", mountTable(name));

const failureOf = ({ place, source, target }: TableMount): StepFailure => ({
  object: place,
  attempt: `mount ${source} on ${target}`,
  wayOut: { ENOTDIR: "a directory is mounted on a directory, a file on a file" },
});

function take(entry: TableMount, place: string): readonly Step[] {
  const failure = failureOf(entry);
  const { source, type, flags, data } = entry;
  const isFile = type === undefined && statSync(source, { throwIfNoEntry: false })?.isDirectory() === false;
  return [
    isFile
      ? step("write", { path: place, text: "", flags: O_CREAT, mode: 0o600 }, failure)
      : step("mkdir", { path: place, mode: 0o700 }, failure),
    type === undefined
      ? step(
          "mount",
          { source, target: place, type: "", flags: MS_BIND | (entry.recursive ? MS_REC : 0), data: "" },
          failure,
        )
      : step("mount", { source, target: place, type, flags, data }, failure),
  ];
}

/** Before the root changes: mounts everything out of sight, and keeps it. */
export function keepMounts(name: ServerName, table: readonly TableMount[]): readonly Step[] {
  if (table.length === 0) return [];
  const staging = join(stateDirectory(name), "staging");
  const failure = { object: `vserver ${name}`, attempt: `perform ${mountTable(name)}` };
  const flags = MS_NOSUID | MS_NODEV;
  return [
    step("mount", { source: "", target: "/", type: "", flags: MS_REC | MS_SLAVE, data: "" }, failure),
    step("mkdir", { path: staging, mode: 0o700 }, failure),
    step("mount", { source: "staging", target: staging, type: "tmpfs", flags, data: "mode=0700" }, failure),
    ...table.flatMap((entry, at) => take(entry, join(staging, String(at)))),
    step("clone_tree", { slot, path: staging, recursive: 1 }, failure),
  ];
}

/** In the new root, when all but /proc is mounted in it. */
export function placeMounts(table: readonly TableMount[]): readonly Step[] {
  const [first] = table;
  if (first === undefined) return [];
  return [
    step("attach", { slot, target: waiting }, failureOf(first)),
    ...table.flatMap((entry, at) => {
      const { target, flags } = entry;
      const failure = failureOf(entry);
      return [
        // A file is mounted on a file, which must be there.
        step("mkdir", { path: target, mode: 0o755 }, "ignore"),
        step("mount", { source: `${waiting}/${at}`, target, type: "", flags: MS_MOVE, data: "" }, failure),
        ...(entry.type === undefined
          ? [step("mount", { source: "", target, type: "", flags: MS_BIND | MS_REMOUNT | flags, data: "" }, failure)]
          : []),
      ];
    }),
    // Our own slot still holds it.
    step("umount", { target: waiting, flags: MNT_DETACH }, failureOf(first)),
  ];
}
