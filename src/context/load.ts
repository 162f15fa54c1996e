/** Loads the kernel half, attaches it and pins it: completely, or not at all. */
import { ptr } from "bun:ffi";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { waitForLock } from "../linux/lock.ts";
import { mountAt } from "../linux/mount.ts";
import { VserverError } from "../text/error.ts";
import { pinDirectory } from "./abi.ts";
import { chooseAlternatives } from "./alternatives.ts";
import { attach, isOwnProc, problem } from "./attach.ts";
import { each, type Handle, lastErrno, libbpf, refusalIn, withLog } from "./libbpf.ts";
import { kernelObject } from "./object.ts";
import { bpfDirectory, ensureBpfDirectory, runDirectory } from "./rundir.ts";
import { steerAt } from "./steer.ts";
import { findings } from "./support.ts";
import { refuseOtherVersion } from "./table.ts";

/** Pins are made here and moved to {@link pinDirectory} in one rename when all are there. */
const loadingDirectory = join(bpfDirectory, "loading");
const unloadingDirectory = join(bpfDirectory, "unloading");
/** Held while pins are made or removed: two loads at once would make half of each. Root's alone. */
const lockFile = join(runDirectory, ".load");
/** The program of `--strict`: pinned like the others, attached on demand. */
const strictProgram = "vs_strict_inode_permission";
const strictLink = "strict";
/** The programs that count open files, likewise; without the prefix, and the links they get. */
const countingLinks = { file_alloc: "counted_alloc", file_free: "counted_free" } as const;

/**
 * Who may use which pin: the call is everybody's, what stands for a file of /proc is read like one, the rest is root's. In a
 * context root reads only what nobody may write to (kernel/guard.h): the lists, which show what its context may see.
 */
const callMode = 0o666;
const ownProcMode = 0o444;
const listMode = 0o400;
const pinMode = 0o600;

function modeOf(section: string, program: string): number {
  if (section === "syscall") return callMode;
  if (isOwnProc(program)) return ownProcMode;
  return section.startsWith("iter") ? listMode : pinMode;
}

const callPin = "call";
export const isLoaded = (): boolean => existsSync(join(pinDirectory, callPin));
/** Somebody has removed the call from among the other pins, which still enforce what was set with it. */
export const isDamaged = (): boolean => !isLoaded() && existsSync(pinDirectory);
export const isStrict = (): boolean => existsSync(join(pinDirectory, strictLink));

function removePins(directory: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) unlinkSync(join(directory, name));
  rmdirSync(directory);
}

function pin(result: number, name: string): void {
  if (result !== 0) throw problem(`pin ${name}`, `error ${-result}`);
}

/** Name of a pin: the program's without its prefix; that of a stand-in is the name of what it stands in for. */
const pinName = (program: string) => program.replace(/^vs_/, "").replace(/_first$/, "");

/** The call, the programs of servers' control groups and of devices, and those of `--strict` and of counting files. */
const isAttachedLater = (section: string, name: string): boolean =>
  ["syscall", "tc"].includes(section) ||
  section.startsWith("cgroup_skb/") ||
  name === strictProgram ||
  pinName(name) in countingLinks;

/** Maps that the tools read and write. */
const pinnedMaps = [
  ...["groups", "limits", "usages", "boot_requests", "boot_ring", "own_procs"],
  ...["copies", "copy_ring", "copier"],
];

function pinEverything(object: Handle): void {
  const library = libbpf();
  const maps = new Map<string, Handle>();
  for (const map of each(library.bpf_object__next_map, object)) maps.set(String(library.bpf_map__name(map)), map);
  for (const name of pinnedMaps) {
    const map = maps.get(name);
    if (map === undefined) throw problem(`pin ${name}`, "the object has no map of that name");
    pin(library.bpf_map__pin(map, join(loadingDirectory, name)), name);
    chmodSync(join(loadingDirectory, name), pinMode);
  }
  for (const program of each(library.bpf_object__next_program, object)) {
    if (!library.bpf_program__autoload(program)) continue;
    const name = String(library.bpf_program__name(program));
    const section = String(library.bpf_program__section_name(program));
    const path = join(loadingDirectory, pinName(name));
    if (isAttachedLater(section, name)) pin(library.bpf_program__pin(program, path), name);
    else {
      const link = attach(program, name, section, maps);
      if (link === null) throw problem(`attach ${name} (${section})`, `error ${lastErrno()}`, "run vkernel check");
      pin(library.bpf_link__pin(link, path), name);
    }
    chmodSync(path, modeOf(section, name));
  }
}

function refuseWithoutSupport(): void {
  const missing = findings().find((finding) => !finding.ok);
  if (missing === undefined) return;
  throw problem("load the kernel half", `missing ${missing.what} (${missing.found})`, missing.wayOut);
}

function loadObject(): void {
  const bytes = kernelObject();
  const { result, log } = withLog(() => {
    const object = libbpf().bpf_object__open_mem(ptr(bytes), BigInt(bytes.length), null);
    if (object === null) return { object, error: lastErrno() };
    chooseAlternatives(object);
    return { object, error: -libbpf().bpf_object__load(object) };
  });
  if (result.object === null || result.error !== 0) {
    throw problem("load the kernel half", refusalIn(log) ?? `error ${result.error}`, "run vkernel check");
  }
  try {
    pinEverything(result.object);
  } finally {
    libbpf().bpf_object__close(result.object);
  }
}

/** Attaches a program that is only pinned so far, once. */
function attachPinned(name: string, linkName: string): void {
  if (existsSync(join(pinDirectory, linkName))) return;
  const library = libbpf();
  const program = library.bpf_obj_get(join(pinDirectory, name));
  if (program < 0) throw problem(`attach ${name}`, `error ${-program}`, "vkernel unload, then vkernel load");
  const link = library.bpf_raw_tracepoint_open(null, program);
  if (link < 0) throw problem(`attach ${name}`, `error ${-link}`);
  pin(library.bpf_obj_pin(link, join(pinDirectory, linkName)), linkName);
  closeSync(link);
  closeSync(program);
}

const attachStrict = (): void => attachPinned(pinName(strictProgram), strictLink);

/** Has open files counted from now on, for contexts with such a limit; safe to repeat. */
export function attachFileCounting(): void {
  const unlock = waitForLock(lockFile);
  try {
    // A file that is counted must be seen to go.
    attachPinned("file_free", countingLinks.file_free);
    attachPinned("file_alloc", countingLinks.file_alloc);
  } finally {
    unlock();
  }
}

/** What an interrupted command has left is attached until it is unpinned; what still has its call may have contexts. */
function recover(): void {
  if (existsSync(join(unloadingDirectory, callPin))) renameSync(unloadingDirectory, pinDirectory);
  removePins(unloadingDirectory);
  removePins(loadingDirectory);
}

function loadAndPin(): void {
  mkdirSync(loadingDirectory, { mode: 0o700 });
  try {
    loadObject();
    steerAt("lo", loadingDirectory);
  } catch (thrown) {
    removePins(loadingDirectory);
    throw thrown;
  }
  chmodSync(loadingDirectory, 0o711);
  renameSync(loadingDirectory, pinDirectory);
}

/** Loads what is not loaded yet. Root only; safe to repeat, and after a load that was interrupted. */
export function load(options: { readonly strict: boolean }): void {
  if (process.getuid?.() !== 0) throw problem("load the kernel half", "only root may", "become root");
  if (isDamaged()) {
    const wayOut = "run vkernel unload, which is refused while contexts exist; then load it again";
    throw problem("load the kernel half", `${pinDirectory} has pins, but the call is missing among them`, wayOut);
  }
  if (isLoaded()) refuseOtherVersion("vkernel", "load the kernel half", 69);
  else {
    refuseWithoutSupport();
    ensureBpfDirectory();
  }
  const unlock = waitForLock(lockFile);
  try {
    recover();
    if (!isLoaded()) loadAndPin();
    if (options.strict) attachStrict();
  } finally {
    unlock();
  }
}

/**
 * Loads the kernel half for a tool that needs contexts.
 *
 * @param exitCode of the tool when it cannot be had
 * @throws VserverError in the name of the tool.
 */
export async function ensureLoaded(tool: string, exitCode = 69): Promise<void> {
  if (isLoaded()) {
    refuseOtherVersion(tool, "use security contexts", exitCode);
    return;
  }
  if (process.getuid?.() !== 0) {
    const cause = "the kernel half is not loaded";
    const wayOut = "let root run vkernel load once";
    throw new VserverError({ object: tool, attempt: "use security contexts", cause, wayOut, exitCode });
  }
  try {
    load({ strict: false });
  } catch (thrown) {
    if (!(thrown instanceof VserverError)) throw thrown;
    throw new VserverError({ ...thrown.failure, object: tool, exitCode });
  }
}

/** What would be set free if the kernel half went. */
export interface Held {
  /** The contexts in use. */
  readonly contexts: readonly number[];
  /** Processes of the main server that have a ceiling or are tied to addresses. */
  readonly processes: readonly number[];
}

/**
 * Takes everything out of the kernel again.
 *
 * @param held read from the pins of a directory
 * @throws VserverError while anything is held.
 */
export function unload(held: (pins: string) => Held): void {
  if (mountAt(bpfDirectory) === undefined) return;
  const unlock = waitForLock(lockFile);
  try {
    recover();
    if (isLoaded() || isDamaged()) unpin(held);
  } finally {
    unlock();
  }
}

const firstOf = (numbers: readonly number[]): string =>
  `${numbers.slice(0, 10).join(" ")}${numbers.length > 10 ? " …" : ""}`;

function unpin(held: (pins: string) => Held): void {
  const refuse = (cause: string, wayOut: string) =>
    new VserverError({ object: "vkernel", attempt: "unload the kernel half", cause, wayOut });
  for (const list of ["contexts", "processes"]) {
    if (existsSync(join(pinDirectory, list))) continue;
    throw refuse(`whether contexts exist is unknown: ${pinDirectory}/${list} is missing`, "reboot the machine");
  }
  const damaged = isDamaged();
  // Out of reach first: nobody makes a context between the question and the end.
  renameSync(pinDirectory, unloadingDirectory);
  const { contexts, processes } = held(unloadingDirectory);
  if (contexts.length === 0 && processes.length === 0) {
    rmSync(join(unloadingDirectory, callPin), { force: true });
    removePins(unloadingDirectory);
    return;
  }
  renameSync(unloadingDirectory, pinDirectory);
  if (contexts.length === 0) {
    const cause = `processes with a ceiling or an address of their own exist: ${firstOf(processes)}`;
    throw refuse(cause, "end them first (vinfo PID shows what holds for one)");
  }
  const wayOut = "stop their servers and end their processes first (vps shows them)";
  const noWayIn = "the call to enter and end them is missing: reboot the machine";
  throw refuse(`contexts exist: ${firstOf(contexts)}`, damaged ? noWayIn : wayOut);
}

/** Text of a pinned list. */
export const readList = (name: "processes" | "contexts", pins: string = pinDirectory): string =>
  readFileSync(join(pins, name), "utf8");
