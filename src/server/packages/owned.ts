/** Which files of a server its packages own, by the real paths of the files: `/bin/ls` is `usr/bin/ls` where bin is a link. */
import type { Tree } from "../../linux/beneath.ts";
import { readDpkg } from "./dpkg.ts";
import type { Package, Packages } from "./package.ts";
import { readRpm } from "./rpm.ts";

export interface Owned {
  readonly installed: ReadonlyMap<string, Package>;
  /** The key of the package that owns a file, by the file's real path without a leading `/`. */
  readonly owners: ReadonlyMap<string, string>;
  /** Real paths of configuration files, whoever they belong to. */
  readonly configuration: ReadonlySet<string>;
}

/** All databases together. */
export async function readPackages(label: string, tree: Tree): Promise<Packages> {
  const found = [readDpkg(tree), await readRpm(label, tree)].filter((one) => one !== undefined);
  return {
    installed: new Map(found.flatMap(({ installed }) => [...installed])),
    configuration: found.flatMap(({ configuration }) => configuration),
  };
}

/** @param wanted whether files of this package count */
export function resolveOwned(tree: Tree, packages: Packages, wanted: (key: string) => boolean): Owned {
  const directories = new Map<string, string | undefined>();
  const real = (path: string): string | undefined => {
    const slash = path.lastIndexOf("/");
    const directory = path.slice(0, slash);
    if (!directories.has(directory)) directories.set(directory, tree.realDirectory(directory));
    const found = directories.get(directory);
    return found === undefined ? undefined : `${found === "" ? "" : `${found}/`}${path.slice(slash + 1)}`;
  };
  const owners = new Map<string, string>();
  for (const [key, { files }] of packages.installed) {
    if (!wanted(key)) continue;
    for (const file of files) {
      const path = real(file);
      if (path !== undefined) owners.set(path, key);
    }
  }
  const configuration = new Set<string>();
  for (const file of packages.configuration) {
    const path = real(file);
    if (path === undefined) continue;
    configuration.add(path);
    owners.delete(path);
  }
  return { installed: packages.installed, owners, configuration };
}
