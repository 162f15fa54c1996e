/** Directories of hard links for one run: what is replaced meanwhile stays in them as it was. */
import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cache, type Part, partPath, source } from "./parts/cache.ts";
import { output } from "./parts/command.ts";

/** A directory of this process below `base`. Those of processes that are gone are removed. */
function ownDirectory(base: string): string {
  mkdirSync(base, { recursive: true });
  for (const name of readdirSync(base)) {
    if (!existsSync(`/proc/${name}`)) rmSync(join(base, name), { recursive: true, force: true });
  }
  return join(base, String(process.pid));
}

/** The newest build and Bun, as a layer over the machine's root. */
export async function toolsLayer(): Promise<string> {
  const layer = ownDirectory(join(source, "build/machine"));
  const stage = join(source, "build/stage");
  if (existsSync(stage)) await output(["cp", "-al", stage, layer], "copy the build for the machine");
  mkdirSync(join(layer, "usr/local/bin"), { recursive: true });
  hardLink(process.execPath, join(layer, "usr/local/bin/bun"));
  return layer;
}

/** The archives of virtual servers, each as NAME.tar. */
export function guestShelf(guests: ReadonlyMap<string, Part>): string {
  const shelf = ownDirectory(join(cache, "shelves"));
  mkdirSync(shelf);
  for (const [name, part] of guests) linkSync(partPath(part), join(shelf, `${name}.tar`));
  return shelf;
}

/** Copies where another file system makes links impossible. */
function hardLink(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    cpSync(from, to);
  }
}
