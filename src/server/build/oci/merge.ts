/**
 * Lays an unpacked layer over a tree: its files replace what is there, its whiteouts remove it. Both are walked by open
 * directories, so that no link of either leads anywhere else than the server itself would follow it.
 */
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, futimesSync } from "node:fs";
import { names, removeEntry } from "../../../linux/beneath.ts";
import { mkdirat, O_PATH, openat2, renameat, resolve, using } from "../../../linux/openat2.ts";
import { systemErrno } from "../../../linux/system-error.ts";
import { attributesOf, removeAttribute, setAttribute } from "../../../linux/xattr.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, S_IFMT, S_IFDIR, S_IFCHR, S_IFBLK } = constants;
const here = resolve.BENEATH | resolve.NO_MAGICLINKS | resolve.NO_XDEV;
const inRoot = resolve.IN_ROOT | resolve.NO_MAGICLINKS | resolve.NO_XDEV;
const ENOENT = 2;

/** Names of the OCI image specification (layer.md). */
const whiteout = ".wh.";
const opaque = ".wh..wh..opq";
/** What older tools left in layers for themselves. */
const reserved = ".wh..wh.";

/** Attributes of a directory that are the image's; others belong to whoever has unpacked it. */
const isOwn = (name: string): boolean => name.startsWith("user.") || name.startsWith("system.posix_acl_");

export interface Layer {
  /** Descriptors of the two directories. */
  readonly from: number;
  readonly tree: number;
  /** Whether the layer itself says what this directory is like; a byte a character, without slashes around it. */
  readonly isListed: (directory: string) => boolean;
  /** Called after each file; may wait. */
  readonly breathe: (files: number) => Promise<void> | undefined;
}

/** @throws what system calls throw */
export async function mergeLayer(layer: Layer): Promise<void> {
  let files = 0;

  async function merge(from: number, to: number, path: string): Promise<void> {
    const all = names(from).map((name) => name.toString("latin1"));
    applyWhiteouts(to, all);
    for (const name of all) {
      if (name.startsWith(whiteout)) continue;
      const bytes = Buffer.from(name, "latin1");
      const type = typeIn(from, bytes);
      // A server gets the devices of /dev and no others.
      if (type === S_IFCHR || type === S_IFBLK) continue;
      if (type === S_IFDIR) await directory(from, to, bytes, path === "" ? name : `${path}/${name}`);
      else {
        if (typeIn(to, bytes) === S_IFDIR) removeEntry(to, bytes);
        renameat(from, bytes, bytes, to);
      }
      await layer.breathe(++files);
    }
  }

  async function directory(from: number, to: number, name: Buffer, path: string): Promise<void> {
    const listed = layer.isListed(path);
    const source = openat2(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, here);
    try {
      const target = openTarget(layer.tree, to, name, listed ? undefined : path);
      try {
        await merge(source, target.descriptor, path);
        if (listed || target.made) becomeLike(source, target.descriptor);
      } finally {
        closeSync(target.descriptor);
      }
    } finally {
      closeSync(source);
    }
  }

  await merge(layer.from, layer.tree, "");
}

function applyWhiteouts(to: number, all: readonly string[]): void {
  if (all.includes(opaque)) for (const name of names(to)) removeEntry(to, name);
  for (const name of all) {
    if (!name.startsWith(whiteout) || name.startsWith(reserved)) continue;
    const hidden = name.slice(whiteout.length);
    if (hidden === "" || hidden === "." || hidden === "..") continue;
    const bytes = Buffer.from(hidden, "latin1");
    if (typeIn(to, bytes) !== undefined) removeEntry(to, bytes);
  }
}

/** The type bits of what has this name, links not followed; undefined when nothing has. */
function typeIn(directory: number, name: Buffer): number | undefined {
  try {
    return using(openat2(directory, name, O_PATH | O_NOFOLLOW, here), (file) => fstatSync(file).mode & S_IFMT);
  } catch (thrown) {
    if (systemErrno(thrown) === ENOENT) return undefined;
    throw thrown;
  }
}

/** @param through path in the tree, when a link to a directory is as good as a directory */
function openTarget(
  tree: number,
  to: number,
  name: Buffer,
  through: string | undefined,
): { readonly descriptor: number; readonly made: boolean } {
  const type = typeIn(to, name);
  if (type === S_IFDIR)
    return { descriptor: openat2(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, here), made: false };
  if (type !== undefined && through !== undefined) {
    try {
      return { descriptor: openat2(tree, Buffer.from(through, "latin1"), O_RDONLY | O_DIRECTORY, inRoot), made: false };
    } catch (thrown) {
      // It leads to no directory: what the layer has takes its place.
      if (systemErrno(thrown) === undefined) throw thrown;
    }
  }
  if (type !== undefined) removeEntry(to, name);
  mkdirat(to, name, 0o755);
  return { descriptor: openat2(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, here), made: true };
}

function becomeLike(source: number, target: number): void {
  const status = fstatSync(source);
  fchownSync(target, status.uid, status.gid);
  fchmodSync(target, status.mode & 0o7777);
  const wanted = attributesOf(source).filter(([name]) => isOwn(name));
  const has = new Set(wanted.map(([name]) => name));
  for (const [name] of attributesOf(target)) if (isOwn(name) && !has.has(name)) removeAttribute(target, name);
  for (const [name, value] of wanted) setAttribute(target, name, value);
  futimesSync(target, status.atimeMs / 1000, status.mtimeMs / 1000);
}
