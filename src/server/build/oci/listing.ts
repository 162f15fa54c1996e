/** Understands what tar lists while it unpacks: what an archive names itself, and is not only in the path of something. */

const escapes: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "\\": "\\", " ": " " },
};

/** A name in the style `escape` of tar's --quoting-style; a byte a character. */
export const unescaped = (name: string): string =>
  name.replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
    /^[0-7]{3}$/.test(code) ? String.fromCharCode(Number.parseInt(code, 8) & 255) : (escapes[code] ?? code),
  );

/** A path without `.`, slashes around it and double ones. */
const plain = (path: string): string =>
  path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");

export class Listing {
  static readonly options = ["--verbose", "--quoting-style=escape"];
  readonly #paths = new Set<string>();

  /** True when the line is a name; what tar complains about begins with its own. */
  readonly onLine = (line: string): boolean => {
    if (/^(?:\S*\/)?(?:tar|gzip|zstd)(?: \(child\))?: /.test(line)) return false;
    this.#paths.add(plain(unescaped(line)));
    return true;
  };

  readonly has = (path: string): boolean => this.#paths.has(path);
}
