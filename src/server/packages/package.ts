/** What the package databases of a server say, whichever it has. Paths are absolute, a byte a character. */

export interface Package {
  readonly name: string;
  /** Architecture; part of what tells two packages of one name apart. */
  readonly architecture: string;
  /** Version and release, epoch included. */
  readonly version: string;
  /** What it installed, configuration files left out. */
  readonly files: readonly string[];
}

export interface Packages {
  /** By {@link packageKey}. */
  readonly installed: ReadonlyMap<string, Package>;
  readonly configuration: readonly string[];
}

/** `libc6:amd64`. */
export const packageKey = ({ name, architecture }: Pick<Package, "name" | "architecture">): string =>
  `${name}:${architecture}`;
