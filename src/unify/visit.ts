/** The regular files and directories that words of a command line name, open; no symbolic link is ever followed. */
import { constants, fstatSync, openSync, readdirSync, type Stats } from "node:fs";
import { errnoNumber } from "../linux/errno.ts";
import { type Name, O_CLOEXEC, O_PATH, openat2, resolve, using } from "../linux/openat2.ts";
import { systemErrno, systemWords } from "../linux/system-error.ts";

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;

export interface Visitor {
  /** A regular file or directory, open for reading; what this throws is told to `failed`. */
  visit(descriptor: number, status: Stats, path: string): void;
  /** A file could not be opened or visited; the rest is visited all the same. */
  failed(path: string, cause: string, wayOut?: string): void;
}

/** What to do about a failure of a file, where there is something. */
const waysOut: ReadonlyMap<number, string> = new Map([
  [errnoNumber("ENOENT"), "see ls for what is there"],
  [errnoNumber("EACCES"), "become root, or its owner"],
  [errnoNumber("EPERM"), "become root, or its owner"],
  [errnoNumber("EROFS"), "mount its file system writable"],
  [errnoNumber("EOPNOTSUPP"), "its file system has no extended attributes; ext4, btrfs and XFS have"],
]);

export interface Reach {
  /** Of a directory also what is in it, and so on. */
  readonly recursive: boolean;
  /** Nothing mounted below is entered, the same file system mounted a second time neither. */
  readonly sameMount: boolean;
}

/** Paths shown are the file's own bytes, one to a character. */
const joined = (directory: string, name: Uint8Array): string =>
  `${directory.replace(/\/$/, "")}/${Buffer.from(name).toString("latin1")}`;

/** The bytes of a path that was given to {@link Visitor}. */
export const pathBytes = (path: string): Buffer => Buffer.from(path, "latin1");

class Walk {
  constructor(
    readonly reach: Reach,
    readonly visitor: Visitor,
  ) {}

  /** What `open` opens as a place, for no use: then nothing is read of a pipe or device. */
  look(path: string, named: boolean, open: () => number): void {
    try {
      using(open(), (place) => {
        const status = fstatSync(place);
        if (status.isFile() || status.isDirectory()) this.#read(place, status, path);
        else if (named) this.visitor.failed(path, "it is neither a regular file nor a directory");
      });
    } catch (thrown) {
      const words = systemWords(thrown);
      if (words === undefined) throw thrown;
      if (!named && this.reach.sameMount && systemErrno(thrown) === errnoNumber("EXDEV")) return;
      this.visitor.failed(path, words, waysOut.get(systemErrno(thrown) ?? 0));
    }
  }

  #read(place: number, status: Stats, path: string): void {
    const open = openSync(`/proc/self/fd/${place}`, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    using(open, (descriptor) => {
      this.visitor.visit(descriptor, status, path);
      if (this.reach.recursive && status.isDirectory()) this.#below(descriptor, path);
    });
  }

  #below(directory: number, path: string): void {
    const how = resolve.BENEATH | resolve.NO_MAGICLINKS | (this.reach.sameMount ? resolve.NO_XDEV : 0);
    const names: Name[] = readdirSync(`/proc/self/fd/${directory}`, { encoding: "buffer" });
    for (const name of names.map((one) => Buffer.from(one)).sort(Buffer.compare)) {
      this.look(joined(path, name), false, () => openat2(directory, name, O_PATH | O_NOFOLLOW, how));
    }
  }
}

/** Visits the file `path`, and with `recursive` what is below it, in the order of the names' bytes. */
export function visitFiles(path: string, reach: Reach, visitor: Visitor): void {
  const shown = Buffer.from(path).toString("latin1");
  new Walk(reach, visitor).look(shown, true, () => openSync(path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
}
