/** Which paths of a server may be shared: never configuration, and no state. */

/** What is changed in place or belongs to one server alone, by the Filesystem Hierarchy Standard. */
export const stateDirectories = ["dev", "home", "lost+found", "proc", "root", "run", "srv", "sys", "tmp", "var"];
/** Programs write into it as it stands. */
const writtenInPlace = ["usr/lib/locale/locale-archive"];
const configuration = "etc";

export interface PathRules {
  /** Without a leading `/`. */
  readonly excluded: readonly string[];
  /** Exceptions from those. */
  readonly included: readonly string[];
}

/** A path as the administrator writes it. */
export const rulePath = (text: string): string => Buffer.from(text.replace(/^\/+|\/+$/g, "")).toString("latin1");

const isAtOrBelow = (path: string, directory: string): boolean =>
  directory === "" || path === directory || path.startsWith(`${directory}/`);

export const contentRules = (rules: PathRules): PathRules => ({
  excluded: [...rules.excluded, ...stateDirectories, ...writtenInPlace],
  included: rules.included,
});

export function takesPath(rules: PathRules, path: string): boolean {
  if (isAtOrBelow(path, configuration)) return false;
  if (!rules.excluded.some((directory) => isAtOrBelow(path, directory))) return true;
  return rules.included.some((directory) => isAtOrBelow(path, directory));
}

/** Whether anything below may be taken. */
export const entersDirectory = (rules: PathRules, path: string): boolean =>
  takesPath(rules, path) ||
  rules.included.some((directory) => isAtOrBelow(directory, path) && !isAtOrBelow(path, configuration));
