/** Project ids of inodes (ext4, XFS): whose quota a file counts for, whoever owns it. */
import { ptr } from "bun:ffi";
import { constants } from "node:fs";
import { check, errnoNumber, SystemCallError } from "./errno.ts";
import { eachEntry, inodeAttribute, isDirectory, isRegular, nameBytes, type Status, statusOf } from "./inode.ts";
import { libc, memory } from "./libc.ts";
import { type Name, openat2, using } from "./openat2.ts";

const ioctl = { x64: 16, arm64: 29 } as const;
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
const FS_XFLAG_PROJINHERIT = 0x200;
const AT_FDCWD = -100;

/** `struct fsxattr` of linux/fs.h: flags, extent size, extents, project, copy-on-write extent size, padding. */
const attributes = { size: 28, flags: 0, project: 12 } as const;

export interface Project {
  readonly id: number;
  /** What is made in the directory gets the same project. */
  readonly inherited: boolean;
}

function opened<Result>(directory: number, name: Name, use: (descriptor: number) => Result): Result {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  return using(openat2(directory, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0), use);
}

interface Attributes {
  readonly view: DataView;
  readonly address: number;
}

const call = (descriptor: number, request: number, address: number): void => {
  const number = ioctl[process.arch === "arm64" ? "arm64" : "x64"];
  check("ioctl", libc().syscall(number, descriptor, request, address));
};

function attributesOf(descriptor: number): Attributes {
  const { view, bytes } = memory(attributes.size);
  const address = Number(ptr(bytes));
  call(descriptor, FS_IOC_FSGETXATTR, address);
  return { view, address };
}

function projectOfOpen(descriptor: number): Project {
  const { view } = attributesOf(descriptor);
  return {
    id: view.getUint32(attributes.project, true),
    inherited: (view.getUint32(attributes.flags, true) & FS_XFLAG_PROJINHERIT) !== 0,
  };
}

/** @throws SystemCallError: ENOTTY or EOPNOTSUPP where the file system has no projects */
export const projectOf = (path: string): Project => opened(AT_FDCWD, path, projectOfOpen);

function setProject(descriptor: number, project: Project): void {
  const { view, address } = attributesOf(descriptor);
  const flags = view.getUint32(attributes.flags, true) & ~FS_XFLAG_PROJINHERIT;
  view.setUint32(attributes.flags, flags | (project.inherited ? FS_XFLAG_PROJINHERIT : 0), true);
  view.setUint32(attributes.project, project.id, true);
  call(descriptor, FS_IOC_FSSETXATTR, address);
}

/** What file systems without projects say. */
const absent = ["ENOTTY", "EOPNOTSUPP", "ENOSYS", "EINVAL"] as const;

/** Gives an open file the project that it would have if it had been made in the open directory. */
export function inheritProject(file: number, directory: number): void {
  try {
    const { id, inherited } = projectOfOpen(directory);
    if (inherited) setProject(file, { id, inherited: false });
  } catch (thrown) {
    if (thrown instanceof SystemCallError && absent.some((one) => thrown.errno === errnoNumber(one))) return;
    throw thrown;
  }
}

/** A file with several names: one of them, beneath the root, and how many were not met yet. */
interface Several {
  readonly path: string;
  readonly left: number;
}

/** Gives what is below an open directory, itself not. */
class Gift {
  readonly several = new Map<number, Several>();
  readonly #id: number;
  readonly #device: string;

  constructor(id: number, device: string) {
    this.#id = id;
    this.#device = device;
  }

  contents(directory: number, path: string): void {
    eachEntry(directory, (name, status) => {
      // What is mounted in it is not part of it.
      if (status.device !== this.#device || (status.attributes & inodeAttribute.mountRoot) !== 0) return;
      if (isDirectory(status)) this.#directory(directory, name, `${path}${name}/`);
      else if (isRegular(status)) this.#file(directory, name, path, status);
    });
  }

  #directory(parent: number, name: string, path: string): void {
    opened(parent, nameBytes(name), (directory) => {
      this.contents(directory, path);
      setProject(directory, { id: this.#id, inherited: true });
    });
  }

  #file(directory: number, name: string, path: string, { inode, links }: Status): void {
    const left = (this.several.get(inode)?.left ?? links) - 1;
    if (left > 0) {
      this.several.set(inode, { path: `${path}${name}`, left });
      return;
    }
    this.several.delete(inode);
    opened(directory, nameBytes(name), (file) => setProject(file, { id: this.#id, inherited: false }));
  }
}

/**
 * Gives a tree that nobody changes meanwhile to a project, its root last: an interrupted run is told by the root's id.
 * What is mounted in it is not part of it. Links, devices and pipes are left out, which have no contents.
 *
 * @param mayHave asked of a regular file that has names elsewhere as well, with the project it has now
 */
export function giveTree(root: string, id: number, mayHave: (descriptor: number, now: number) => boolean): void {
  // The root itself may be named by a link.
  opened(AT_FDCWD, `${root}/.`, (top) => {
    const gift = new Gift(id, statusOf(top).device);
    gift.contents(top, "");
    for (const { path } of gift.several.values())
      opened(top, nameBytes(path), (file) => {
        if (mayHave(file, projectOfOpen(file).id)) setProject(file, { id, inherited: false });
      });
    setProject(top, { id, inherited: true });
  });
}
