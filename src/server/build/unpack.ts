/** `--method tar`: a root file system from an archive, whoever made it; nothing of it is run and nothing leaves the tree. */
import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { beneath } from "../../linux/beneath.ts";
import { VserverError } from "../../text/error.ts";
import { confined, type Exposed } from "./confine.ts";
import type { Job } from "./job.ts";
import { findTool, runTool, type Tool } from "./tool.ts";

/** tar's records are of this size unless told otherwise. */
const recordSize = 10240;
const recordsPerCheckpoint = 200;

/** Options that make tar tell how far it is, and what understands it. */
export function checkpoints(
  job: Job,
  total?: number,
): { readonly options: string[]; readonly onLine: (line: string) => boolean } {
  const options = [`--checkpoint=${recordsPerCheckpoint}`, "--checkpoint-action=echo=checkpoint %u"];
  return {
    options: job.progress.shown ? options : [],
    onLine: (line) => {
      const records = /^\S*tar: checkpoint (\d+)$/.exec(line)?.[1];
      if (records === undefined) return false;
      job.progress.amount(Number(records) * recordSize, total);
      return true;
    },
  };
}

interface Extraction {
  /** What tar sees as `/archive`; otherwise it reads standard input. */
  readonly archive?: Exposed;
  /** Bytes, when they are known. */
  readonly total?: number | undefined;
  /** Directory that gets it; the new tree unless said. */
  readonly into?: string;
  readonly options?: readonly string[];
}

/** tar reading an archive. */
export function extraction(job: Job, attempt: string, tar: string, what: Extraction = {}): Tool {
  const { archive, total, into = job.staging.tree } = what;
  const { options, onLine } = checkpoints(job, total);
  return {
    attempt,
    command: [
      tar,
      ...["--extract", archive === undefined ? "--file=-" : "--file=/archive", "--directory=/tree", "--numeric-owner"],
      ...["--same-owner", "--same-permissions", "--delay-directory-restore", "--acls"],
      ...["--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability"],
      // The tree gets a /dev of its own.
      ...["--anchored", "--exclude=dev/*", "--exclude=./dev/*", ...options, ...(what.options ?? [])],
    ],
    onLine,
    ...confined(job, attempt, [
      ...(archive === undefined ? [] : [archive]),
      { path: into, as: "tree", writable: true },
    ]),
  };
}

/** Removes device nodes, wherever they are in the tree: a server gets those of /dev and no others. */
export async function removeDevices(job: Job): Promise<void> {
  const attempt = "remove device nodes from its tree";
  const type = ["(", "-type", "b", "-o", "-type", "c", ")"];
  await runTool(job, {
    attempt,
    command: [findTool(job, "find", "findutils"), "/tree", "-xdev", ...type, "-delete"],
    ...confined(job, attempt, [{ path: job.staging.tree, as: "tree", writable: true }]),
  });
}

export async function unpack(job: Job, file: string): Promise<void> {
  const attempt = `unpack ${file}`;
  const refuse = (cause: string, wayOut: string) => new VserverError({ object: job.object, attempt, cause, wayOut });
  const status = statSync(file, { throwIfNoEntry: false });
  if (status === undefined) throw refuse("there is no such file", "name an archive of a root file system");
  if (!status.isFile()) throw refuse("it is not a regular file", "name an archive of a root file system");
  // The size of what is in it is known only when it is not compressed.
  const total = /\.tar$/.test(file) ? status.size : undefined;
  job.progress.phase(`unpacking ${basename(file)}`);
  const archive = { path: resolve(file), as: "archive" };
  await runTool(job, extraction(job, attempt, findTool(job, "tar", "tar"), { archive, total }));
  await removeDevices(job);
  if (!beneath(job.staging.tree, (tree) => tree.type("etc") === "directory")) {
    throw refuse("there is no etc at the top of it", "name an archive of a root file system");
  }
}
