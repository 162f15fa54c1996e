/** Makes a real rpm package with rpmbuild and installs it into the database of a tree, with its files beside. */
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface RpmSpec {
  /** A directory for what rpmbuild makes. */
  readonly work: string;
  /** The root of the tree that gets it. */
  readonly server: string;
  readonly name: string;
  readonly version: string;
  readonly release: string;
  /** Absolute paths; each file has its path in it. */
  readonly files: readonly string[];
  readonly configs: readonly string[];
}

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${command[0]}: ${stderr.toString()}`);
}

export function makeRpm(spec: RpmSpec): void {
  const { work, server, name, version, release, files, configs } = spec;
  mkdirSync(work, { recursive: true });
  const install = [...files, ...configs].flatMap((file) => [
    `mkdir -p $(dirname %{buildroot}${file})`,
    `echo ${file} >%{buildroot}${file}`,
    `touch -d @1000000000 %{buildroot}${file}`,
  ]);
  const lines = [
    ...[`Name: ${name}`, `Version: ${version}`, `Release: ${release}`, "Summary: test", "License: none"],
    ...["BuildArch: noarch", "%description", "test", "%install", ...install, "%files", ...files],
    ...configs.map((file) => `%config ${file}`),
  ];
  const file = join(work, `${name}.spec`);
  writeFileSync(file, `${lines.join("\n")}\n`);
  run("rpmbuild", "-bb", "--define", `_topdir ${work}`, file);
  const database = join(server, "var/lib/rpm");
  mkdirSync(database, { recursive: true });
  const made = join(work, `RPMS/noarch/${name}-${version}-${release}.noarch.rpm`);
  // --root would change into a tree in which nothing can run.
  run("rpm", "--dbpath", database, "--install", "--nodeps", "--justdb", made);
  for (const path of [...files, ...configs]) {
    const target = join(server, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, `${path}\n`);
    utimesSync(target, 1e9, 1e9);
  }
}
