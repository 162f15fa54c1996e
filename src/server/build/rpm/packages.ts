/** Which packages lie in a directory, what they provide, and which of them a wish for some needs. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { confined, type Exposed } from "../confine.ts";
import type { Job } from "../job.ts";
import { findTool, runTool } from "../tool.ts";

export interface PackageFile {
  /** As the tool sees it: below a directory that is exposed to it. */
  readonly path: string;
  readonly name: string;
  readonly architecture: string;
  /** Version and release, epoch included. */
  readonly version: string;
  /** Names of capabilities and absolute paths. */
  readonly provides: ReadonlySet<string>;
}

/** Files of packages for machines, below a directory; sources are none. */
export const packageFiles = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".rpm") && !/\.(?:no)?src\.rpm$/.test(path))
    .sort();

/** The architecture as rpm calls it. */
export const ownArchitecture = (arch: string = process.arch): string =>
  ({ x64: "x86_64", arm64: "aarch64", ia32: "i686", ppc64: "ppc64le" })[arch] ?? arch;

/** A distribution has tens of thousands of packages, and the words of a command have an end. */
const filesAtOnce = 2000;

const format =
  "%{NAME}\\t%{ARCH}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n[\\tp%{PROVIDES}\\n][\\tf%{FILENAMES}\\n]";

/** What {@link format} prints of the files, in their order. */
export function parsePackages(lines: readonly string[], paths: readonly string[]): readonly PackageFile[] {
  const found: (PackageFile & { readonly provides: Set<string> })[] = [];
  for (const line of lines) {
    const provided = /^\t[pf](.*)$/.exec(line)?.[1];
    if (provided !== undefined) {
      found.at(-1)?.provides.add(provided);
      continue;
    }
    const [name = "", architecture = "", version = ""] = line.split("\t");
    found.push({ path: paths[found.length] ?? "", name, architecture, version, provides: new Set([name]) });
  }
  return found;
}

/** Asks rpm, which reads the files of strangers without any power. @throws VserverError when it cannot read one */
export async function readPackageFiles(
  job: Job,
  attempt: string,
  exposed: readonly Exposed[],
): Promise<readonly PackageFile[]> {
  const paths = exposed.flatMap(({ path, as }) => packageFiles(path).map((file) => join("/", as, file)));
  if (paths.length === 0) return [];
  const found: PackageFile[] = [];
  for (let at = 0; at < paths.length; at += filesAtOnce) {
    found.push(...(await askAbout(job, attempt, exposed, paths.slice(at, at + filesAtOnce))));
  }
  return found;
}

async function askAbout(
  job: Job,
  attempt: string,
  exposed: readonly Exposed[],
  paths: readonly string[],
): Promise<readonly PackageFile[]> {
  const lines: string[] = [];
  const query = ["--query", "--package", "--nosignature", "--noplugins", "--queryformat", format];
  await runTool(job, {
    attempt,
    command: [findTool(job, "rpm", "rpm"), ...query, "--", ...paths],
    onLine: (line) => {
      if (/^(?:error|warning): /.test(line)) return false;
      lines.push(line);
      return true;
    },
    ...confined(job, attempt, exposed, []),
  });
  return parsePackages(lines, paths);
}

/** The names in what rpm says is missing: of `(a or b >= 2)` each. */
const namesIn = (dependency: string): readonly string[] =>
  dependency.split(/[\s()]+/).filter((word) => /^[/A-Za-z0-9_]/.test(word)) as readonly string[];

/**
 * Those of `all` that provide something of what is missing and are not chosen yet. A dependency `name(x)` is one word to
 * rpm, and so is what provides it.
 */
export function providersOf(
  missing: readonly string[],
  all: readonly PackageFile[],
  chosen: ReadonlySet<PackageFile>,
): readonly PackageFile[] {
  return missing.flatMap((dependency) => {
    const whole = dependency.split(" ")[0] ?? "";
    const names = [whole, ...(dependency.startsWith("(") ? namesIn(dependency) : [])];
    if (names.some((name) => [...chosen].some((one) => one.provides.has(name)))) return [];
    const provider = all.find((one) => !chosen.has(one) && names.some((name) => one.provides.has(name)));
    return provider === undefined ? [] : [provider];
  });
}
