/** Keeps what is expensive to make under a name that tells its recipe; a half-made thing never has that name. */
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";

export interface Part {
  /** For people: `root tree`. */
  readonly about: string;
  readonly name: string;
  /** Everything the result depends on. */
  readonly recipe: readonly string[];
  /** Makes the file or directory `path`. */
  make(path: string): Promise<void>;
}

export const source = resolve(import.meta.dir, "../..");

/** Where everything made and downloaded is kept. */
export const cache = resolve(source, process.env["VSERVER_CACHE"] ?? ".cache");

export function partPath(part: Part): string {
  const key = new Bun.CryptoHasher("sha256").update(JSON.stringify(part.recipe)).digest("hex").slice(0, 12);
  return join(cache, `${part.name}-${key}`);
}

export const isMade = (part: Part): boolean => existsSync(partPath(part));

/** Whoever was interrupted may have left a file system of this machine mounted in it: that is none of ours to empty. */
function remove(path: string): void {
  Bun.spawnSync(["rm", "-rf", "--one-file-system", path], { stderr: "inherit" });
}

/** Makes `part` unless it is there. Only for the one process that holds the cache's lock. */
export async function makePart(part: Part): Promise<void> {
  if (isMade(part)) return;
  mkdirSync(cache, { recursive: true });
  const path = partPath(part);
  const unfinished = `${path}.unfinished`;
  remove(unfinished);
  try {
    await part.make(unfinished);
    renameSync(unfinished, path);
  } finally {
    remove(unfinished);
  }
}

/** Removes what an interrupted preparation left behind. */
export function sweep(): void {
  if (!existsSync(cache)) return;
  for (const name of readdirSync(cache)) {
    if (name.endsWith(".unfinished")) remove(join(cache, name));
  }
}
