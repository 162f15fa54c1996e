/** The tools that unify is raced against, each as it is called to link equal files, and to say what it would link. */
import { join } from "node:path";
import { root } from "./process.ts";

/** Debian packages of the peers; hardlink and chrt are of util-linux. */
export const packages = ["jdupes", "rdfind", "time", "util-linux"];

export interface Linker {
  readonly name: string;
  /** Links the files of the trees. */
  link(trees: readonly string[]): readonly string[];
  /** Compares them and changes nothing. */
  test(trees: readonly string[]): readonly string[];
}

const vunify = (options: readonly string[], trees: readonly string[]) => [
  join(root, "build/stage/usr/sbin/vunify"),
  // This machine's kernel may have nothing that protects: docs/benchmarks.md.
  ...["--content", "--noflags", ...options],
  ...trees.map((tree) => tree.slice(tree.lastIndexOf("/") + 1)),
];
const rdfind = (dry: boolean, trees: readonly string[]) => [
  ...["rdfind", "-dryrun", String(dry), "-makehardlinks", "true", "-makeresultsfile", "false"],
  ...trees,
];

/** Ours first. */
export const linkers: readonly Linker[] = [
  { name: "vunify", link: (trees) => vunify([], trees), test: (trees) => vunify(["--test"], trees) },
  {
    name: "hardlink",
    link: (trees) => ["hardlink", "--quiet", ...trees],
    test: (trees) => ["hardlink", "--quiet", "--dry-run", ...trees],
  },
  {
    name: "jdupes",
    link: (trees) => ["jdupes", "-q", "-r", "-p", "-L", ...trees],
    test: (trees) => ["jdupes", "-q", "-r", "-p", ...trees],
  },
  { name: "rdfind", link: (trees) => rdfind(false, trees), test: (trees) => rdfind(true, trees) },
];
