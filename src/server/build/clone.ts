/** `--method clone`: another server's tree, with its hard links, attributes, holes, and shared extents where there are such. */
import { existsSync, lstatSync } from "node:fs";
import { ensureLoaded } from "../../context/load.ts";
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";
import { serverDirectory, stateDirectory } from "../paths.ts";
import { replicate } from "../unify/replica.ts";
import { confined } from "./confine.ts";
import type { Job } from "./job.ts";
import { findTool, runTool } from "./tool.ts";
import { removeDevices } from "./unpack.ts";

/** @throws VserverError when there is no such server */
function sourceDirectory(job: Job, source: ServerName): string {
  const path = serverDirectory(source);
  const attempt = `clone ${source}`;
  if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new VserverError({
      object: job.object,
      attempt,
      cause: `there is no directory ${path}`,
      wayOut: "see vserver list",
    });
  }
  if (existsSync(stateDirectory(source))) {
    job.warn(`${job.object}: ${source} is running: files that it changes now may be copied half; stop it first`);
  }
  return path;
}

/** Shares all files but configuration and state with the source; what cannot be shared is copied. */
export async function unifiedClone(job: Job, source: ServerName): Promise<void> {
  const path = sourceDirectory(job, source);
  await ensureLoaded(job.object);
  job.progress.phase(`linking ${path}`);
  await replicate({
    ...{ label: job.object, source: path, target: job.staging.tree, marks: true, emptied: [], complain: job.warn },
    breathe: (done, total) => {
      job.interrupt.check();
      job.progress.amount(done, Math.max(done, total), "files");
    },
  });
}

export async function clone(job: Job, source: ServerName): Promise<void> {
  const attempt = `clone ${source}`;
  const path = sourceDirectory(job, source);
  job.progress.phase(`copying ${path}`);
  const total = { files: 0, known: false };
  const surroundings = confined(job, attempt, [
    { path, as: "source" },
    { path: job.staging.tree, as: "tree", writable: true },
  ]);
  const count = job.progress.shown ? countFiles(job, attempt, path, total) : undefined;
  let done = 0;
  const copying = runTool(job, {
    attempt,
    command: [
      findTool(job, "cp", "coreutils"),
      ...["--archive", "--one-file-system", "--sparse=auto", "--reflink=auto"],
      ...(job.progress.shown ? ["--verbose"] : []),
      ...["--", "/source/.", "/tree"],
    ],
    onLine: (line) => {
      if (!/^'.*' -> /.test(line)) return false;
      job.progress.amount(++done, total.known ? total.files : undefined, "files");
      return true;
    },
    ...surroundings,
  });
  const [copied] = await Promise.allSettled([copying, count]);
  if (copied.status === "rejected") throw copied.reason;
  await removeDevices(job);
}

/** Counts meanwhile: names are read far faster than files are copied. */
async function countFiles(
  job: Job,
  attempt: string,
  path: string,
  total: { files: number; known: boolean },
): Promise<void> {
  await runTool(job, {
    attempt,
    command: [findTool(job, "find", "findutils"), "/source", "-xdev", "-printf", "\\n."],
    onLine: () => {
      total.files++;
      return true;
    },
    ...confined(job, attempt, [{ path, as: "source" }]),
  });
  total.known = true;
}
