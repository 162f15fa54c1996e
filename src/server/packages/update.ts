/** Runs a package tool of a server's own in the server, with package files of the main server at hand; says what changed. */
import { lstatSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { Tree } from "../../linux/beneath.ts";
import { selfCommand } from "../../linux/self.ts";
import { Root } from "../../unify/root.ts";
import type { ServerName } from "../name.ts";
import { serverDirectory } from "../paths.ts";
import { readPackages } from "./owned.ts";

export interface PackageTool {
  /** Program in the server: `rpm`. */
  readonly program: string;
  /** How the names of package files end. */
  readonly suffix: string;
}

/** Where the server finds package files of the main server while the tool runs. */
const staging = "var/cache/vserver-packages";

const isPackageFile = (tool: PackageTool, word: string): boolean =>
  word.endsWith(tool.suffix) && (lstatSync(word, { throwIfNoEntry: false })?.isFile() ?? false);

/** Copies package files into the server; the words with their new paths. */
function bring(tree: Tree, tool: PackageTool, words: readonly string[]): readonly string[] {
  return words.map((word) => {
    if (!isPackageFile(tool, word)) return word;
    tree.makeDirectory(staging, 0o700);
    const path = `${staging}/${basename(word)}`;
    tree.write(path, readFileSync(word), 0o600);
    return `/${path}`;
  });
}

async function versions(label: string, tree: Tree): Promise<ReadonlyMap<string, string>> {
  const { installed } = await readPackages(label, tree);
  return new Map([...installed].map(([key, { version }]) => [key, version]));
}

export interface Updated {
  /** Exit status of the tool. */
  readonly status: number;
  /** Keys of packages that are there now and were not, in that version, before. */
  readonly changed: readonly string[];
  /** The version of every package that is there now, by its key. */
  readonly installed: ReadonlyMap<string, string>;
}

/**
 * The tool and the scripts of packages have the powers of the server's root and no others: all runs in the server.
 *
 * @throws VserverError when there is no such server or its packages cannot be read
 */
export async function updatePackages(name: ServerName, tool: PackageTool, words: readonly string[]): Promise<Updated> {
  const root = Root.open(`vserver ${name}`, serverDirectory(name));
  try {
    const tree = new Tree(root.descriptor, root.path);
    const before = await versions(root.label, tree);
    try {
      const self = selfCommand("vserver");
      const command = ["--silent", name, "exec", tool.program, ...bring(tree, tool, words)];
      // The name it is called by is in its first argument.
      const child = Bun.spawn([self.file, ...self.arguments.slice(1), ...command], {
        argv0: self.arguments[0] ?? "vserver",
        stdio: ["inherit", "inherit", "inherit"],
      });
      const status = await child.exited;
      const after = await versions(root.label, tree);
      return {
        status,
        changed: [...after].filter(([key, version]) => before.get(key) !== version).map(([key]) => key),
        installed: after,
      };
    } finally {
      tree.remove(staging);
    }
  } finally {
    root.close();
  }
}
