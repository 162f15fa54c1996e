/** Project ids of inodes (ext4, XFS): whose quota a file counts for, whoever owns it. */
import { ptr } from "bun:ffi";
import { readdirSync, realpathSync, statSync } from "node:fs";
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

/**
 * Gives a tree that nobody changes meanwhile to a project, its root last: an interrupted run is told by the root's id.
 * Other file systems and directories mounted in it are not part of it. Regular files with several names are left out (unified ones count for nobody), and so are links, devices and pipes,
 * which have no contents.
 */
export function giveTree(root: string, id: number): void {
  const mountPoints = new Set(mounts().map(({ target }) => target));
  const give = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        if (!mountPoints.has(path)) give(path);
      } else if (entry.isFile() && statSync(path).nlink === 1) setProject(path, { id, inherited: false });
    }
    setProject(directory, { id, inherited: true });
  };
  give(realpathSync(root));
}
