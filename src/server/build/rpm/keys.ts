/** The keys that packages are to be signed with: rpm itself has them, in the database of the new tree, before it installs. */
import { closeSync, existsSync, fstatSync, openSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { VserverError } from "../../../text/error.ts";
import type { Job } from "../job.ts";
import { anyStatus, findTool, runTool } from "../tool.ts";
import { confinedRoot } from "./confine.ts";

/** What is demanded of packages: to be signed with one of these keys, files; what this machine's rpm demands; nothing. */
export type Signatures = readonly string[] | "as here" | "unchecked";

/**
 * Imports keys into the tree's database.
 *
 * @param database its directory in the tree
 * @returns options with which rpm is to install
 * @throws VserverError when a file is no key
 */
export async function importKeys(job: Job, database: string, signatures: Signatures): Promise<readonly string[]> {
  if (signatures === "unchecked") return ["--nosignature"];
  // Lines without anything are not told.
  const macros = await ask(job, ["--eval", "level %{?_pkgverify_level}", "--eval", "database %{_dbpath}"]);
  const said = (name: string) => macros.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? "";
  const level = said("level");
  const demand = (what: string) => (what === "" ? [] : ["--define", `_pkgverify_level ${what}`]);
  if (signatures === "as here") {
    await importOwnKeys(job, database, said("database"));
    return demand(level);
  }
  for (const file of signatures) {
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
      const cause = "there is no such file";
      const wayOut = "name the public key of whoever signed the packages";
      throw new VserverError({ object: job.object, attempt: `import the key ${file}`, cause, wayOut });
    }
    await importKey(job, database, resolve(file), `the key ${file}`);
  }
  if (level === "") {
    const cause = "this machine's rpm is older than 4.14.2";
    throw new VserverError({ object: job.object, attempt: "demand signatures", cause, wayOut: "leave out --key" });
  }
  return demand("all");
}

/** What rpm prints, without empty lines. */
async function ask(job: Job, words: readonly string[]): Promise<readonly string[]> {
  const lines: string[] = [];
  await runTool(job, {
    attempt: "ask rpm for its settings",
    command: [findTool(job, "rpm", "rpm"), ...words],
    onLine: (line) => {
      if (/^(?:error|warning): /.test(line)) return false;
      lines.push(line);
      return true;
    },
  });
  return lines;
}

/** Those that the administrator has imported on this machine. */
async function importOwnKeys(job: Job, database: string, ownDatabase: string): Promise<void> {
  // rpm would make one to look into.
  if (!existsSync(ownDatabase)) return;
  const file = join(job.staging.directory, "keys");
  const keys = openSync(file, "w", 0o600);
  try {
    const query = ["--query", "--all", "gpg-pubkey", "--queryformat", "%{DESCRIPTION}\\n"];
    const attempt = "ask rpm for its keys";
    await runTool(job, { attempt, command: [findTool(job, "rpm", "rpm"), ...query], stdout: keys });
    if (fstatSync(keys).size === 0) return;
  } finally {
    closeSync(keys);
  }
  // rpm has taken each of them once.
  await importKey(job, database, file, "the keys of this machine's rpm", anyStatus);
}

async function importKey(
  job: Job,
  database: string,
  file: string,
  what: string,
  accepted: readonly number[] = [],
): Promise<void> {
  const attempt = `import ${what}`;
  await runTool(job, {
    attempt,
    command: [findTool(job, "rpmkeys", "rpm"), "--root", "/tree", "--dbpath", database, "--import", "/keys"],
    accepted,
    ...confinedRoot(job, attempt, [{ path: file, as: "keys" }]),
  });
}
