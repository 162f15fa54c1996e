/** Finds in what a tool wrote the line that says why it failed. */
import { basename } from "node:path";
import { VserverError } from "../../text/error.ts";
import type { Job } from "./job.ts";

/** What tools say, the cause we give for it, and what to do. The first that matches counts. */
const known: readonly (readonly [pattern: RegExp, cause: string, wayOut: string])[] = [
  [/No space left on device/, "no space left on device", "free some space there"],
  [/Disk quota exceeded/, "the disk quota is exceeded", "raise it or free some space"],
  [/Read-only file system/, "the file system is read-only", "mount it for writing"],
  [/No such script: .*\/(\S+)/, "it knows no release $1", "name one with --suite"],
  [
    /The repository '\S+ (\S+) Release' does not have a Release file/,
    "the mirror has no release $1",
    "see --suite and --mirror",
  ],
  [
    /Invalid Release file|Failed getting release file (\S+)/,
    "the mirror has no such release",
    "see --suite and --mirror",
  ],
  [/(?:Couldn't find these debs:|Unable to locate package) (\S+)/, "there is no package $1", "see --include"],
  [/(?:Temporary failure|Could not) resolv(?:ing|e) '?([A-Za-z0-9.-]+)/, "the host $1 is not found", "see --mirror"],
  [
    /not signed|NO_PUBKEY|Release signed by unknown key/,
    "its signature cannot be checked",
    "install the archive's keyring",
  ],
  [/^\s+(\S.* is needed by \S+)$/, "$1", "put the package that provides it there"],
  [/^(?:error: (?:\/packages\d+\/)?|\s+package )(\S+ ?.*\bBAD\b)/, "$1", "get a whole copy of it, or do not trust it"],
  [/^\s+(package \S+ does not verify: .*)$/, "$1", "see --key and --nosignature"],
  [/^\s+(\S.* conflicts (?:with|between) .*)$/, "$1", "leave one of them out"],
  [/mknod failed/, "a package brings a device node, and a server gets none", "leave it out"],
  [
    /does not look like a tar archive|not in gzip format|format not recognized|Unrecognized archive/,
    "it is no archive",
    "give a file that tar can read",
  ],
  [/[Uu]nexpected (?:end of file|EOF)|is truncated/, "it ends too early", "get a complete copy of it"],
  [/Member name contains '\.\.'/, "it has members outside of its directory", "do not trust it"],
];

/** Program names and severities that tools put before what they say. */
const prefix = /^(?:E|W|I|error|tar|\/bin\/tar|cp|gzip|bzip2|xz|zstd|debootstrap|mmdebstrap)(?: \(child\))?: /;
const mostCharacters = 300;

export function explainFailure(
  job: Job,
  attempt: string,
  command: string,
  status: number,
  lines: readonly string[],
): VserverError {
  for (const [pattern, cause, wayOut] of known) {
    const match = lines.map((line) => pattern.exec(line)).find((found) => found !== null);
    if (match === undefined || match === null) continue;
    return new VserverError({ object: job.object, attempt, cause: cause.replace("$1", match[1] ?? ""), wayOut });
  }
  const said = lines.find((line) => line.startsWith("E: ")) ?? lines.find((line) => prefix.test(line)) ?? lines.at(-1);
  const words = said
    ?.replace(prefix, "")
    .replace(/[\p{C}]/gu, "?")
    .slice(0, mostCharacters);
  return new VserverError({ object: job.object, attempt, cause: words ?? `${basename(command)} ended with ${status}` });
}
