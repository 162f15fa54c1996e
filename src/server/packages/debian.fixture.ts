/** Writes a dpkg database of packages without dependencies, with their files. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { put } from "../../unify/trees.fixture.ts";

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** Content by absolute path. */
  readonly files: Readonly<Record<string, string>>;
  readonly conffiles?: readonly string[];
}

export function makeDebian(tree: string, packages: readonly DebianPackage[]): void {
  const info = join(tree, "var/lib/dpkg/info");
  mkdirSync(info, { recursive: true });
  const paragraphs = packages.map(({ name, version, files, conffiles = [] }) => {
    for (const [path, content] of Object.entries(files)) put(tree, path, { content });
    writeFileSync(join(info, `${name}.list`), ["/.", "/usr", ...Object.keys(files), ""].join("\n"));
    if (conffiles.length > 0) writeFileSync(join(info, `${name}.conffiles`), `${conffiles.join("\n")}\n`);
    return `Package: ${name}\nStatus: install ok installed\nArchitecture: all\nVersion: ${version}\n`;
  });
  writeFileSync(join(info, "../status"), paragraphs.join("\n"));
}
