/** Project ids of inodes (ext4, XFS): whose quota a file counts for, whoever owns it. */
import { ptr } from "bun:ffi";
import { lstatSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { check } from "./errno.ts";
import { libc, memory } from "./libc.ts";
import { mounts } from "./mount.ts";

const ioctl = { x64: 16, arm64: 29 } as const;
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
const FS_XFLAG_PROJINHERIT = 0x200;
const O_RDONLY = 0;
const O_NONBLOCK = 0o4000;
const O_NOFOLLOW = process.arch === "arm64" ? 0o100000 : 0o400000;
const O_CLOEXEC = 0o2000000;

/** `struct fsxattr` of linux/fs.h: flags, extent size, extents, project, copy-on-write extent size, padding. */
const attributes = { size: 28, flags: 0, project: 12 } as const;

export interface Project {
  readonly id: number;
  /** What is made in the directory gets the same project. */
  readonly inherited: boolean;
}

function withAttributes<Result>(
  path: string,
  use: (descriptor: number, view: DataView, address: number) => Result,
): Result {
  const descriptor = check(`open ${path}`, libc().open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  try {
    const { view, bytes } = memory(attributes.size);
    const address = Number(ptr(bytes));
    const number = ioctl[process.arch === "arm64" ? "arm64" : "x64"];
    check(`ioctl ${path}`, libc().syscall(number, descriptor, FS_IOC_FSGETXATTR, address));
    return use(descriptor, view, address);
  } finally {
    libc().close(descriptor);
  }
}

/** @throws SystemCallError: ENOTTY or EOPNOTSUPP where the file system has no projects */
export const projectOf = (path: string): Project =>
  withAttributes(path, (_, view) => ({
    id: view.getUint32(attributes.project, true),
    inherited: (view.getUint32(attributes.flags, true) & FS_XFLAG_PROJINHERIT) !== 0,
  }));

function setProject(path: string, project: Project): void {
  withAttributes(path, (descriptor, view, address) => {
    const flags = view.getUint32(attributes.flags, true) & ~FS_XFLAG_PROJINHERIT;
    view.setUint32(attributes.flags, flags | (project.inherited ? FS_XFLAG_PROJINHERIT : 0), true);
    view.setUint32(attributes.project, project.id, true);
    const number = ioctl[process.arch === "arm64" ? "arm64" : "x64"];
    check(`ioctl ${path}`, libc().syscall(number, descriptor, FS_IOC_FSSETXATTR, address));
  });
}

/** A file with several names: one of them, and how many were not met yet. */
interface Several {
  readonly path: string;
  readonly left: number;
}

/**
 * Gives a tree that nobody changes meanwhile to a project, its root last: an interrupted run is told by the root's id.
 * What is mounted in it is not part of it. Links, devices and pipes are left out, which have no contents.
 *
 * @param mayHave asked of a regular file that has names elsewhere as well, with the project it has now
 */
export function giveTree(root: string, id: number, mayHave: (descriptor: number, now: number) => boolean): void {
  const mountPoints = new Set(mounts().map(({ target }) => target));
  const several = new Map<number, Several>();
  const giveFile = (path: string): void => {
    const { ino, nlink } = lstatSync(path);
    const left = (several.get(ino)?.left ?? nlink) - 1;
    if (left > 0) {
      several.set(ino, { path, left });
      return;
    }
    several.delete(ino);
    setProject(path, { id, inherited: false });
  };
  const giveContents = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (mountPoints.has(path)) continue;
      if (entry.isDirectory()) {
        giveContents(path);
        setProject(path, { id, inherited: true });
      } else if (entry.isFile()) giveFile(path);
    }
  };
  const top = realpathSync(root);
  giveContents(top);
  for (const { path } of several.values()) {
    const may = withAttributes(path, (file, view) => mayHave(file, view.getUint32(attributes.project, true)));
    if (may) setProject(path, { id, inherited: false });
  }
  setProject(top, { id, inherited: true });
}
