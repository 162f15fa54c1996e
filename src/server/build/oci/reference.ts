/** `PATH[:TAG]`: where images are, and which one is meant. */
import { existsSync } from "node:fs";

export interface ImageReference {
  readonly path: string;
  /** undefined: the only one there is. */
  readonly tag: string | undefined;
}

/** A path may have colons, and so may a tag: the longest path that is there counts. */
export function imageReference(words: string, isThere: (path: string) => boolean = existsSync): ImageReference {
  if (isThere(words)) return { path: words, tag: undefined };
  for (let at = words.lastIndexOf(":"); at > 0; at = words.lastIndexOf(":", at - 1)) {
    const [path, tag] = [words.slice(0, at), words.slice(at + 1)];
    if (tag !== "" && isThere(path)) return { path, tag };
  }
  return { path: words, tag: undefined };
}
