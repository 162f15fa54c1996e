/**
 * Limits that are settings of the server's own namespaces: System V and POSIX IPC, terminals. They are made with the
 * namespaces, changed by a process that enters them for a moment, and kept with the server's state to be shown.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mountFlags } from "../../linux/mount.ts";
import { type Step, step } from "../../linux/plan/step.ts";
import { runPlan } from "../../linux/spawn.ts";
import type { LimitKey, Limits } from "../conf/limits.ts";
import { type NamespaceKind, namespaceFile, writeStateFile } from "../life/state.ts";
import type { ServerName } from "../name.ts";
import { stateDirectory } from "../paths.ts";
import type { Place, Resource } from "./resource.ts";

const CLONE = { ipc: 0x08000000, mnt: 0x00020000 } as const;
const pageSize = 4096;
/** The kernel's own values. */
const mostPages = 0xffff_ffff_fefe_fff0n;
const mostTerminals = 1 << 20;

/** A key, the namespace it belongs to, and what sets it in there; `most` is Infinity for no limit. */
interface Inside {
  readonly namespace: keyof typeof CLONE & NamespaceKind;
  readonly step: (most: number, failure: { readonly object: string; readonly attempt: string }) => Step;
}

const setting = (path: string, words: (most: number) => string): Inside => ({
  namespace: "ipc",
  step: (most, failure) => step("write", { path: `/proc/sys/${path}`, text: words(most), flags: 0, mode: 0 }, failure),
});

const atMost = (otherwise: number) => (most: number) => String(Math.min(most, otherwise));

/** Mount options of the server's devpts. */
export const terminalOptions = (most: number | undefined): string =>
  `gid=5,mode=0620,ptmxmode=0666,max=${Math.min(most ?? mostTerminals, mostTerminals)}`;

const { MS_NOEXEC, MS_NOSUID, MS_REMOUNT } = mountFlags;

const inside = {
  SHM: setting("kernel/shmall", (most) => String(Number.isFinite(most) ? Math.ceil(most / pageSize) : mostPages)),
  SEMAPHORES: setting("kernel/sem", (most) => `32000 ${atMost(1_024_000_000)(most)} 500 32000`),
  MESSAGES: setting("kernel/msgmni", atMost(32_000)),
  QUEUES: setting("fs/mqueue/queues_max", atMost(256)),
  PTYS: {
    namespace: "mnt",
    step: (most, failure) =>
      step(
        "mount",
        {
          source: "devpts",
          target: "/dev/pts",
          type: "devpts",
          flags: MS_REMOUNT | MS_NOSUID | MS_NOEXEC,
          data: terminalOptions(most),
        },
        failure,
      ),
  },
} as const satisfies Readonly<Partial<Record<LimitKey, Inside>>>;

export type InsideKey = keyof typeof inside;
const insideKeys = Object.keys(inside) as readonly InsideKey[];
export const isInsideKey = (key: LimitKey): key is InsideKey => key in inside;

const failureOf = (name: ServerName, key: InsideKey) => ({ object: `vserver ${name}`, attempt: `set ${key}` });

/** For a plan that has just made the IPC namespace; /proc is still the main server's. */
export const ipcSteps = (name: ServerName, limits: Limits): readonly Step[] =>
  insideKeys.flatMap((key) => {
    const most = limits[key];
    return most === undefined || inside[key].namespace !== "ipc" ? [] : [inside[key].step(most, failureOf(name, key))];
  });

const keptFile = (name: ServerName): string => join(stateDirectory(name), "inside.json");

function kept(name: ServerName): Readonly<Partial<Record<InsideKey, number>>> {
  const file = keptFile(name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<Record<InsideKey, number>>) : {};
}

/** Writes down what the namespaces were made with. */
export function keepInside(name: ServerName, limits: Limits): void {
  const set = insideKeys.flatMap((key) => {
    const most = limits[key];
    return most === undefined || !Number.isFinite(most) ? [] : [[key, most] as const];
  });
  writeStateFile(name, keptFile(name), JSON.stringify(Object.fromEntries(set)));
}

async function set(place: Place, key: InsideKey, most: number): Promise<void> {
  const { namespace } = inside[key];
  const failure = failureOf(place.name, key);
  await runPlan([
    step("open", { slot: 0, path: namespaceFile(place.name, namespace), flags: 0 }, failure),
    step("setns", { slot: 0, type: CLONE[namespace] }, failure),
    inside[key].step(most, failure),
  ]);
  keepInside(place.name, { ...kept(place.name), [key]: most });
}

export const insideLimits = insideKeys.map(
  (key): Resource<InsideKey> => ({
    key,
    obstacle: () => undefined,
    set: (place, most) => set(place, key, most),
    limit: ({ name }) => kept(name)[key],
    used: () => undefined,
    hits: () => undefined,
  }),
);
