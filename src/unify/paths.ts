/** Which paths of a server may be shared: never configuration, and no state. */

/** What is changed in place or belongs to one server alone, by the Filesystem Hierarchy Standard. */
export const stateDirectories = ["dev", "home", "lost+found", "proc", "root", "run", "srv", "sys", "tmp", "var"];
/** Programs write into it as it stands. */
const writtenInPlace = ["usr/lib/locale/locale-archive"];
const configuration = "etc";
const inConfiguration = `${configuration}/`;

export interface PathRules {
  /** Without a leading `/`. */
  readonly excluded: readonly string[];
  /** Exceptions from those. */
  readonly included: readonly string[];
}

/** A path as the administrator writes it. */
export const rulePath = (text: string): string => Buffer.from(text.replace(/^\/+|\/+$/g, "")).toString("latin1");

const isConfiguration = (path: string): boolean => path === configuration || path.startsWith(inConfiguration);

const isAtOrBelow = (path: string, directory: string): boolean =>
  directory === "" || path === directory || path.startsWith(`${directory}/`);

export const contentRules = (rules: PathRules): PathRules => ({
  excluded: [...rules.excluded, ...stateDirectories, ...writtenInPlace],
  included: rules.included,
});

/** Whether the set has the path or a directory above it. */
function covers(directories: ReadonlySet<string>, path: string): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (directories.has(path.slice(0, end))) return true;
  }
  return directories.has("");
}

/** Rules made ready to be asked of every file of a tree: of those of one directory, one after the other, it is quick. */
export class PathFilter {
  readonly #excluded: ReadonlySet<string>;
  readonly #included: ReadonlySet<string>;
  /** What holds of the directory that was asked about last. */
  #directory: string | undefined;
  #isExcluded = false;
  #isIncluded = false;

  constructor({ excluded, included }: PathRules) {
    this.#excluded = new Set(excluded);
    this.#included = new Set(included);
  }

  /** Whether a file of this real path may be shared. */
  takes(path: string): boolean {
    if (isConfiguration(path)) return false;
    const directory = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
    if (directory !== this.#directory) {
      this.#directory = directory;
      this.#isExcluded = covers(this.#excluded, directory);
      this.#isIncluded = covers(this.#included, directory);
    }
    if (!this.#isExcluded && !this.#excluded.has(path)) return true;
    return this.#isIncluded || this.#included.has(path);
  }

  /** Whether anything below a directory may be taken. */
  enters(path: string): boolean {
    if (isConfiguration(path)) return false;
    if (!covers(this.#excluded, path) || covers(this.#included, path)) return true;
    for (const directory of this.#included) if (isAtOrBelow(directory, path)) return true;
    return false;
  }
}
