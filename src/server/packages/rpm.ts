/**
 * Reads the database of rpm(8) from a server's tree by the main server's rpm, which sees a copy of it and nothing else of
 * the machine that could be written to, has no capability and no network: the server may have put anything into it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tree } from "../../linux/beneath.ts";
import { runPlan } from "../../linux/spawn.ts";
import { VserverError } from "../../text/error.ts";
import { confined } from "../build/confine.ts";
import { toolPath, toolSteps } from "../build/tool.ts";
import { type Package, type Packages, packageKey } from "./package.ts";

const directories = ["var/lib/rpm", "usr/lib/sysimage/rpm"];
/** SQLite, ndb, and Berkeley DB, which older distributions have. */
const databases = ["rpmdb.sqlite", "Packages.db", "Packages"];
const longest = 1 << 30;

/** `RPMFILE_CONFIG` and `RPMFILE_GHOST` of rpm's rpmfiles.h. */
const configFile = 1;
const ghostFile = 64;
const packageMark = "\x01";
const format = `${packageMark}%{NAME}\\t%{ARCH}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n[%{FILEFLAGS} %{FILENAMES}\\n]`;

const asBytes = (text: string): string => Buffer.from(text).toString("latin1");

/** What {@link format} prints. */
export function parseRpm(output: string): Packages {
  const installed = new Map<string, Package>();
  const configuration: string[] = [];
  for (const part of output.split(packageMark).slice(1)) {
    const [head = "", ...rows] = part.split("\n");
    const [name = "", architecture = "", version = ""] = head.split("\t");
    const files: string[] = [];
    for (const row of rows) {
      const [, flags, path] = /^(\d+) (\/.*)$/.exec(row) ?? [];
      if (path === undefined) continue;
      if ((Number(flags) & configFile) !== 0) configuration.push(asBytes(path));
      else if ((Number(flags) & ghostFile) === 0) files.push(asBytes(path));
    }
    const one = { name, architecture, version, files };
    installed.set(packageKey(one), one);
  }
  return { installed, configuration };
}

/** Copies the database; undefined when the tree has none. */
function copyDatabase(tree: Tree, to: string): boolean {
  for (const directory of directories) {
    for (const file of databases) {
      if (tree.type(`${directory}/${file}`) !== "file") continue;
      const companions = file === "rpmdb.sqlite" ? [`${file}-wal`] : file === "Packages.db" ? ["Index.db"] : [];
      for (const name of [file, ...companions]) {
        const bytes = tree.readBytes(`${directory}/${name}`, longest);
        if (bytes !== undefined) writeFileSync(join(to, name), bytes, { mode: 0o600 });
      }
      return true;
    }
  }
  return false;
}

/** undefined when the server has no such database. @throws VserverError when there is one that cannot be read */
export async function readRpm(label: string, tree: Tree): Promise<Packages | undefined> {
  const copy = mkdtempSync(join(tmpdir(), "vserver-rpm-"));
  try {
    if (!copyDatabase(tree, copy)) return undefined;
    const attempt = "read its rpm database";
    const failure = (cause: string, wayOut?: string) =>
      new VserverError({ object: label, attempt, cause, ...(wayOut === undefined ? {} : { wayOut }) });
    const rpm = Bun.which("rpm", { PATH: toolPath });
    if (rpm === null) throw failure("there is no rpm here", "install it: apt-get install rpm");
    const job = { object: label };
    const steps = toolSteps(job, {
      attempt,
      command: [rpm, "--dbpath", "/database", "--query", "--all", "--queryformat", format],
      ...confined(job, attempt, [{ path: copy, as: "database", writable: true }], []),
    });
    const { status, output } = await runPlan(steps, { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
    if (status !== 0) throw failure(`rpm ended with ${status}`, "see rpm --root in the server whether it is damaged");
    return parseRpm(output);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
