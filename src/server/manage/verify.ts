/**
 * Records what a server's files are and says what has changed since: by AIDE, from outside, where the server can alter
 * neither the record nor the program that compares.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VserverError } from "../../text/error.ts";
import { rootOnly } from "../life/server.ts";
import type { ServerName } from "../name.ts";
import { libraryDirectory, serverDirectory, verifyRules } from "../paths.ts";

/** What belongs to no record: it changes by itself, or is not on the server's disk. */
const changing = [
  "/proc",
  "/sys",
  "/dev",
  "/run",
  "/tmp",
  "/var/tmp",
  "/var/run",
  "/var/lock",
  "/var/cache",
  "/var/spool",
];
/** What is in it grows and is rotated: only the directory itself counts. */
const logs = "/var/log";

const record = (name: ServerName): string => join(libraryDirectory(name), "aide.db.gz");

const rules = `Contents = p+i+n+u+g+s+m+acl+xattrs+caps+ftype+sha256
${changing.map((path) => `!${path}(/|$)`).join("\n")}
!${logs}/
${logs}$ p+u+g+ftype
/ Contents
`;

function configuration(name: ServerName): string {
  const own = verifyRules(name);
  return [
    `database_in=file:${record(name)}`,
    `database_out=file:${record(name)}.new`,
    "gzip_dbout=yes",
    "report_url=stdout",
    `root_prefix=${serverDirectory(name)}`,
    existsSync(own) ? `@@include ${own}` : rules,
  ].join("\n");
}

const failure = (name: ServerName, attempt: string, cause: string, wayOut: string): VserverError =>
  new VserverError({ object: `vserver ${name}`, attempt, cause, wayOut });

interface Ended {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function aide(name: ServerName, attempt: string, option: string): Promise<Ended> {
  const program = Bun.which("aide", { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" });
  if (program === null) throw failure(name, attempt, "there is no aide here", "install it: apt-get install aide");
  if (!existsSync(serverDirectory(name))) {
    throw failure(name, attempt, `there is no directory ${serverDirectory(name)}`, "see vserver list");
  }
  mkdirSync(libraryDirectory(name), { recursive: true, mode: 0o700 });
  const file = join(libraryDirectory(name), "aide.conf");
  writeFileSync(file, configuration(name), { mode: 0o600 });
  const child = Bun.spawn([program, `--config=${file}`, option], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" },
  });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { status, out, err };
}

/** aide(1): up to 7 it is a sum of what it found, above it failed. */
const mostFound = 7;

function expectDone(name: ServerName, attempt: string, { status, out, err }: Ended): void {
  if (status <= mostFound) return;
  const said = err.trim().split("\n").at(-1) || out.trim().split("\n").at(-1) || `aide ended with status ${status}`;
  throw failure(name, attempt, said, "see aide(1)");
}

/** Records the files as they are. */
export async function recordFiles(name: ServerName): Promise<void> {
  const attempt = "record its files";
  rootOnly(name, attempt);
  expectDone(name, attempt, await aide(name, attempt, "--init"));
  renameSync(`${record(name)}.new`, record(name));
}

/** Lines that say what has changed since the record; none when nothing has. */
export async function changedFiles(name: ServerName): Promise<readonly string[]> {
  const attempt = "verify its files";
  rootOnly(name, attempt);
  if (!existsSync(record(name))) {
    throw failure(name, attempt, "nothing has been recorded", `record them first: vserver ${name} verify --record`);
  }
  const ended = await aide(name, attempt, "--check");
  rmSync(`${record(name)}.new`, { force: true });
  expectDone(name, attempt, ended);
  if (ended.status === 0) return [];
  const lines = ended.out.trimEnd().split("\n");
  // What follows is about the record, which nobody but us can have changed.
  const end = lines.findIndex((line) => line.startsWith("The attributes of the"));
  return lines.slice(0, end < 0 ? lines.length : end - 1);
}
