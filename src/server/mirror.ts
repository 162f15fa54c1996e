/** Where the main server gets its own packages, read from apt's configuration: servers get theirs from there too. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** Keyring file that its signatures are checked with. */
  readonly keyring: string | undefined;
}

/** The one-line syntax of sources.list(5): `deb [option=value] URI SUITE COMPONENT…`. */
export function parseOneLine(text: string): readonly AptSource[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (match === null) return [];
    const [, options = "", uri = "", suite = "", components = ""] = match;
    const keyring = /(?:^|\s)signed-by=(\/\S+)/i.exec(options)?.[1];
    return [{ uri, suite, components: components.split(/\s+/).filter(Boolean), keyring }];
  });
}

/** Fields of one stanza, names in small letters; a field goes on in lines that begin with a blank. */
function fields(stanza: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let name = "";
  for (const line of stanza.split("\n")) {
    if (line.startsWith("#")) continue;
    const match = /^([A-Za-z0-9-]+):(.*)$/.exec(line);
    if (match?.[1] !== undefined) name = match[1].toLowerCase();
    found.set(name, `${found.get(name) ?? ""} ${match?.[2] ?? line}`.trim());
  }
  return found;
}

/** The deb822 syntax of sources.list(5): stanzas with `Types`, `URIs`, `Suites`, `Components`, `Signed-By`. */
export function parseDeb822(text: string): readonly AptSource[] {
  return text.split(/\n(?:[ \t]*\n)+/).flatMap((stanza) => {
    const field = fields(stanza);
    const words = (name: string) => (field.get(name) ?? "").split(/\s+/).filter(Boolean);
    if (!words("types").includes("deb") || field.get("enabled")?.toLowerCase() === "no") return [];
    const [keyring] = words("signed-by").filter((word) => word.startsWith("/"));
    return words("uris").flatMap((uri) =>
      words("suites").map((suite) => ({ uri, suite, components: words("components"), keyring })),
    );
  });
}

/** All sources of the machine, in apt's own order. */
export function aptSources(directory = "/etc/apt"): readonly AptSource[] {
  const parts = join(directory, "sources.list.d");
  const files = [join(directory, "sources.list")];
  if (existsSync(parts))
    files.push(
      ...readdirSync(parts, "utf8")
        .sort()
        .map((name) => join(parts, name)),
    );
  return files.flatMap((file) => {
    if (!/\.(list|sources)$/.test(file) || !existsSync(file)) return [];
    const text = readFileSync(file, "utf8");
    return file.endsWith(".sources") ? parseDeb822(text) : parseOneLine(text);
  });
}

export interface Distribution {
  /** `debian`, `ubuntu`, … */
  readonly id: string;
  /** Code name of the installed release; "" when it has none. */
  readonly codename: string;
}

/** The distribution of the main server, from os-release(5). */
export function distribution(file = "/etc/os-release"): Distribution {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const value = (name: string) => new RegExp(`^${name}=["']?([A-Za-z0-9._-]*)`, "m").exec(text)?.[1] ?? "";
  return { id: value("ID"), codename: value("VERSION_CODENAME") };
}

/**
 * The archive of the distribution itself among all sources: it has the suite asked for, else the machine's own, has the
 * component main, and, where several do, its address ends in the distribution's name.
 */
export function archiveOf(sources: readonly AptSource[], host: Distribution, suite: string): AptSource | undefined {
  const rank = (source: AptSource) =>
    (source.suite === suite ? 2 : 0) + (new RegExp(`/${host.id}/?$`).test(source.uri) ? 1 : 0);
  return sources
    .filter((source) => source.components.includes("main") && [suite, host.codename].includes(source.suite))
    .sort((a, b) => rank(b) - rank(a))[0];
}
