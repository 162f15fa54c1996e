/**
 * A tree is built in `.NAME.building` beside its final name and renamed when it is complete. The directory is its own
 * lock, which ends with the last process that works in it; what a killed build left there is removed by the next. That one
 * may have to wait: the tools of a killed build are killed with it, and are gone a moment later.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
} from "node:fs";
import { join } from "node:path";
import { beneath } from "../../linux/beneath.ts";
import { O_CLOEXEC, tryLock } from "../../linux/openat2.ts";
import { systemErrno, systemWords } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";

export interface Staging {
  /** Mode 0700: whatever the tree says of itself, nobody else reaches it. */
  readonly directory: string;
  /** What becomes the server's tree. */
  readonly tree: string;
  /** Descriptor that holds the lock; given to the tools, so that one that outlives us keeps it. */
  readonly lock: number;
}

const ENOENT = 2;
const EEXIST = 17;
/** Milliseconds that the lock is waited for. The kernel takes tenths of a second to end all that a tool has started. */
const patience = 5000;
const interval = 20;
const words = (thrown: unknown): string => systemWords(thrown) ?? String(thrown);

/** Makes the directory of all trees, closed to everybody (mode 000) as in 2003. True when it was made. */
export function ensureServersRoot(root: string): boolean {
  try {
    mkdirSync(root, 0o000);
    chmodSync(root, 0o000);
    return true;
  } catch (thrown) {
    if (systemErrno(thrown) === EEXIST) return false;
    const cause = systemErrno(thrown) === ENOENT ? "the directory above it is missing" : words(thrown);
    throw new VserverError({ object: root, attempt: "make the directory", cause });
  }
}

/** @throws VserverError unless a server can be put there: nothing there, or an empty directory. */
export function expectFree(object: string, root: string, target: string): void {
  const status = lstatSync(target, { throwIfNoEntry: false });
  if (status === undefined) return;
  const refuse = (cause: string, wayOut: string) => new VserverError({ object, attempt: "build it", cause, wayOut });
  if (!status.isDirectory()) throw refuse(`${target} is not a directory`, "remove it");
  if (status.dev !== lstatSync(root).dev) {
    throw refuse(`${target} is a mount point`, "a server is built beside its name and renamed: unmount it first");
  }
  if (beneath(target, (tree) => tree.list(".")).length > 0) {
    throw refuse(`${target} exists and is not empty`, "choose another name or remove it");
  }
}

/** False when somebody has the lock all the time. */
async function lockSoon(descriptor: number): Promise<boolean> {
  for (const last = Date.now() + patience; !tryLock(descriptor); await Bun.sleep(interval)) {
    if (Date.now() > last) return false;
  }
  return true;
}

/** The directory, open and locked by us; undefined when it went away meanwhile. */
async function lockDirectory(object: string, directory: string): Promise<number | undefined> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  let lock: number;
  try {
    mkdirSync(directory, { mode: 0o700, recursive: true });
    lock = openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  } catch (thrown) {
    if (systemErrno(thrown) === ENOENT) return undefined;
    throw new VserverError({ object: directory, attempt: "make the directory", cause: words(thrown) });
  }
  if (!(await lockSoon(lock))) {
    closeSync(lock);
    const cause = "another build of it is running";
    throw new VserverError({ object, attempt: "build it", cause, wayOut: "wait for it, or end it" });
  }
  // A build that has just ended may have removed the directory between our opening and locking it.
  if (lstatSync(directory, { throwIfNoEntry: false })?.ino === fstatSync(lock).ino) return lock;
  closeSync(lock);
  return undefined;
}

const stagingDirectory = (root: string, name: ServerName): string => join(root, `.${name}.building`);
/** Says in a staging directory what is built there. */
const requestFile = "request";

/**
 * Whether the same build was killed between giving the tree its name and saying so: then it is done.
 *
 * @param request what {@link openStaging} was told
 */
export function wasPublished(root: string, name: ServerName, target: string, request: string): boolean {
  const directory = stagingDirectory(root, name);
  const isThere = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  if (!isThere(directory) || !isThere(target) || isThere(join(directory, "tree"))) return false;
  // Somebody may have made an empty directory for it before the first build.
  if (beneath(target, (tree) => tree.list(".")).length === 0) return false;
  // It is removed last but for the directory.
  return (beneath(directory, (left) => left.readText(requestFile)) ?? request) === request;
}

/**
 * @param request what is to be built, in words that are the same for the same
 * @throws VserverError when the server is being built already, a few seconds later.
 */
export async function openStaging(object: string, root: string, name: ServerName, request: string): Promise<Staging> {
  const directory = stagingDirectory(root, name);
  const tree = join(directory, "tree");
  let lock = await lockDirectory(object, directory);
  while (lock === undefined) lock = await lockDirectory(object, directory);
  try {
    chmodSync(directory, 0o700);
    beneath(directory, (left) => {
      left.empty(".");
      left.write(requestFile, request, 0o600);
    });
    mkdirSync(tree, 0o755);
  } catch (thrown) {
    closeSync(lock);
    if (thrown instanceof VserverError) throw thrown;
    throw new VserverError({ object: directory, attempt: "begin a tree in it", cause: words(thrown) });
  }
  return { directory, tree, lock };
}

/** Gives the finished tree its name; a file system rename: it is there completely or not at all. */
export function publish(object: string, staging: Staging, target: string): void {
  try {
    renameSync(staging.tree, target);
  } catch (thrown) {
    const cause = words(thrown);
    throw new VserverError({ object, attempt: `name the finished tree ${target}`, cause, wayOut: "see what is there" });
  }
}

/** Removes whatever is left, then gives up the lock. */
export function closeStaging(staging: Staging): void {
  try {
    beneath(staging.directory, (left) => {
      for (const name of left.list(".")) if (name !== requestFile) left.remove(name);
      left.remove(requestFile);
    });
    rmdirSync(staging.directory);
  } finally {
    closeSync(staging.lock);
  }
}
