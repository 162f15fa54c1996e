/** `--method rpm`: a distribution out of package files, installed by rpm itself, whose scripts run in the new tree alone. */
import { statSync } from "node:fs";
import { VserverError } from "../../../text/error.ts";
import type { Job } from "../job.ts";
import { anyStatus, findTool, runTool } from "../tool.ts";
import { removeDevices } from "../unpack.ts";
import { confinedRoot } from "./confine.ts";
import { importKeys, type Signatures } from "./keys.ts";
import { ownArchitecture, type PackageFile, providersOf, readPackageFiles } from "./packages.ts";

export interface RpmSource {
  /** Searched with the directories below them. */
  readonly directories: readonly string[];
  /** Names of packages; none means all. */
  readonly include: readonly string[];
  readonly signatures: Signatures;
}

/** Where Fedora and its kin, and openSUSE, have the database by now; the place is a directory of one of their packages. */
const newDatabase = "/usr/lib/sysimage/rpm";
const usualDatabase = "/var/lib/rpm";
/** What rpm says, once for each key, of packages that it installs all the same. */
const unknownKey = /^warning: .*\bkey (?:ID|fingerprint:) ([0-9a-f]+): NOKEY$/i;

export async function installPackages(job: Job, source: RpmSource): Promise<void> {
  const attempt = `install from ${source.directories.join(" and ")}`;
  const refuse = (cause: string, wayOut: string) => new VserverError({ object: job.object, attempt, cause, wayOut });
  for (const path of source.directories) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) continue;
    throw refuse(`${path} is no directory`, "name a directory of rpm packages");
  }
  const exposed = source.directories.map((path, at) => ({ path, as: `packages${at}` }));
  job.progress.phase("reading packages");
  const found = await readPackageFiles(job, attempt, exposed);
  const all = found.filter(({ architecture }) => ["noarch", ownArchitecture()].includes(architecture));
  if (all.length === 0) throw refuse("there is no package for this machine", "name a directory of rpm packages");
  const names = all.map(({ name }) => name);
  const double = all.find(({ name }, at) => names.indexOf(name) !== at);
  if (double !== undefined) throw refuse(`there are two packages ${double.name}`, "leave one of them there");
  const unknown = source.include.find((name) => !names.includes(name));
  if (unknown !== undefined) throw refuse(`there is no package ${unknown}`, "see --include");

  const database = all.some(({ provides }) => provides.has(newDatabase)) ? newDatabase : usualDatabase;
  const command = ["--root", "/tree", "--dbpath", database, "--noplugins", "--install", "--verbose"];
  const rpm = findTool(job, "rpm", "rpm");
  const surroundings = confinedRoot(job, attempt, exposed);
  const chosen = await withDependencies(all, source.include, async (paths) => {
    const missing: string[] = [];
    await runTool(job, {
      attempt,
      command: [rpm, ...command, "--nosignature", "--test", "--", ...paths],
      // It fails for what is missing, and the last word on that has the real transaction.
      accepted: anyStatus,
      onLine: (line) => {
        const dependency = /^\s+(.*) is needed by \S+$/.exec(line)?.[1];
        if (dependency !== undefined) missing.push(dependency);
        return true;
      },
      ...surroundings,
    });
    return missing;
  });

  const demanded = await importKeys(job, database, source.signatures);
  job.progress.phase(`installing ${chosen.length} packages`);
  const unknownKeys = new Set<string>();
  let done = 0;
  await runTool(job, {
    attempt,
    command: [rpm, ...command, ...demanded, "--", ...chosen.map(({ path }) => path)],
    onLine: (line) => {
      const complaint = /^warning: (.*)$/.exec(line)?.[1];
      const key = unknownKey.exec(line)?.[1];
      if (key !== undefined) unknownKeys.add(key);
      else if (complaint !== undefined) job.warn(`${job.object}: rpm: ${complaint.replace(/\p{C}/gu, "?")}`);
      else if (/^\S+-[^\s-]+-[^\s-]+$/.test(line)) job.progress.amount(++done, chosen.length, "files");
      else return false;
      return true;
    },
    ...surroundings,
  });
  if (unknownKeys.size > 0) {
    const keys = [...unknownKeys].join(", ");
    job.warn(`${job.object}: packages are signed with a key that rpm does not know here (${keys}); see --key`);
  }
  await removeDevices(job);
}

/**
 * The wanted packages and what they need of the others.
 *
 * @param missing what rpm says is missing when it is given these files
 */
async function withDependencies(
  all: readonly PackageFile[],
  wanted: readonly string[],
  missing: (paths: readonly string[]) => Promise<readonly string[]>,
): Promise<readonly PackageFile[]> {
  if (wanted.length === 0) return all;
  const chosen = new Set(all.filter(({ name }) => wanted.includes(name)));
  for (;;) {
    const more = providersOf(await missing([...chosen].map(({ path }) => path)), all, chosen);
    if (more.length === 0) return [...chosen];
    for (const one of more) chosen.add(one);
  }
}
