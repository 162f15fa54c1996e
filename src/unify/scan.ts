/** Finds the regular files of trees, every inode once with all its names that may be shared. */
import { closeSync } from "node:fs";
import { eachName, entryKind, inodeAttribute, isDirectory, isRegular } from "../linux/inode.ts";
import { systemErrno, systemWords } from "../linux/system-error.ts";
import { type FileNode, joined, type Root } from "./root.ts";

/** ENOENT, ENOTDIR, EXDEV, ELOOP: moved or replaced since its name was read, or another file system. */
const gone: ReadonlySet<number> = new Set([2, 20, 18, 40]);

export interface Scan {
  /** Whether the directory of this real path is entered; "" is the root. */
  enters(directory: string): boolean;
  /** Whether a file of this real path may be shared. */
  takes(path: string): boolean;
  failed(path: string, cause: string): void;
  /** Called now and then with the number of files found. */
  progress?(files: number): void;
}

export type Nodes = Map<string, FileNode>;

/** Adds the files of `root` to `nodes`. */
export function scan(root: Root, rules: Scan, nodes: Nodes): void {
  const waiting = [""];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    try {
      scanDirectory(root, path, rules, nodes, waiting);
    } catch (thrown) {
      if (!gone.has(systemErrno(thrown) ?? 0)) rules.failed(path, systemWords(thrown) ?? String(thrown));
    }
    rules.progress?.(nodes.size);
  }
}

/** What may be a regular file or a directory: of links and devices nobody asks more. */
const asked: ReadonlySet<number> = new Set([entryKind.regular, entryKind.directory, entryKind.unknown]);

function scanDirectory(root: Root, directory: string, rules: Scan, nodes: Nodes, waiting: string[]): void {
  const descriptor = root.openDirectory(directory);
  try {
    eachName(descriptor, (name, kind, ask) => {
      const status = asked.has(kind) ? ask() : undefined;
      if (status === undefined) return;
      if (status.device !== root.device || (status.attributes & inodeAttribute.mountRoot) !== 0) return;
      const path = joined(directory, name);
      if (isDirectory(status)) {
        if (rules.enters(path)) waiting.push(path);
      } else if (isRegular(status) && rules.takes(path)) {
        const key = `${status.device}:${status.inode}`;
        const known = nodes.get(key);
        if (known === undefined) nodes.set(key, { status, names: [{ root, directory, name }] });
        else known.names.push({ root, directory, name });
      }
    });
  } finally {
    closeSync(descriptor);
  }
}
