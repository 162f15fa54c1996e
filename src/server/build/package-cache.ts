/**
 * Packages that were downloaded once, for the next build of the same release. mmdebstrap gets copies: what scripts of
 * packages do to theirs is not in the next server. debootstrap checks the digests of what it finds there, apt the sizes.
 */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemWords } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";

/** May be removed at any time. */
export const packageCache = "/var/cache/vserver/packages";

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** The directory for a release of an archive; apt and debootstrap name files differently. */
export function cacheFor(tool: string, archive: { readonly mirror: string; readonly suite: string }): string {
  const origin = archive.mirror.replace(/[^A-Za-z0-9.-]+/g, "_").slice(0, 100);
  const directory = join(packageCache, `${tool}_${origin}_${archive.suite}`);
  try {
    mkdirSync(dirname(directory), { recursive: true, mode: 0o755 });
    // Whoever can write to it decides what the next server consists of.
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    const cause = systemWords(thrown);
    if (cause === undefined) throw thrown;
    throw new VserverError({ object: directory, attempt: "make the directory", cause });
  }
  return directory;
}

/** Options of mmdebstrap; a package is in the directory completely or not at all, however many builds fill it at once. */
export function mmdebstrapCache(directory: string): readonly string[] {
  const cache = quote(directory);
  const archives = '"$1"/var/cache/apt/archives';
  const fill = `mkdir -p ${archives} && find ${cache} -name '*.deb' -exec cp --reflink=auto -t ${archives} {} +`;
  const keep = `for package in ${archives}/*.deb; do
    kept=${cache}/"\${package##*/}"
    [ ! -f "$package" ] || [ -e "$kept" ] ||
      { cp --reflink=auto "$package" "$kept.$$" && sync "$kept.$$" && mv "$kept.$$" "$kept"; } || { rm -f "$kept.$$"; break; }
  done`;
  return ["--skip=essential/unlink", `--setup-hook=${fill}`, `--customize-hook=${keep}`];
}
