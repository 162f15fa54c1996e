/** Reads the database of dpkg(1) from a server's tree: its files are text, no program is needed. */
import type { Tree } from "../../linux/beneath.ts";
import { type Package, type Packages, packageKey } from "./package.ts";

const database = "var/lib/dpkg";
/** Longest file of the database that is read, in bytes. */
const longest = 64 << 20;

const text = (tree: Tree, path: string): string | undefined => tree.readBytes(path, longest)?.toString("latin1");
const lines = (content: string | undefined): readonly string[] => content?.split("\n").filter(Boolean) ?? [];

/** Fields of a paragraph of deb822(5); further lines of a field keep their blank. */
function fields(paragraph: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let name = "";
  for (const line of paragraph.split("\n")) {
    if (/^\s/.test(line)) {
      found.set(name, `${found.get(name) ?? ""}\n${line}`);
      continue;
    }
    const colon = line.indexOf(":");
    name = line.slice(0, colon).toLowerCase();
    found.set(name, line.slice(colon + 1).trim());
  }
  return found;
}

/** ` /etc/file md5sum [obsolete]` a line. */
const conffiles = (field: string | undefined): readonly string[] =>
  lines(field).flatMap((line) => /^\s+(\/.*?) (?:[0-9a-f]{32}|newconffile)(?: .*)?$/.exec(line)?.[1] ?? []);

/** undefined when the server has no such database. */
export function readDpkg(tree: Tree): Packages | undefined {
  const status = text(tree, `${database}/status`);
  if (status === undefined) return undefined;
  const installed = new Map<string, Package>();
  const configuration: string[] = [];
  for (const paragraph of status.split(/\n\n+/)) {
    const field = fields(paragraph);
    const name = field.get("package");
    const architecture = field.get("architecture") ?? "";
    if (name === undefined || !/^[a-z0-9][a-z0-9+.-]*$/.test(name) || !/^[a-z0-9-]*$/.test(architecture)) continue;
    const infoName = [`${name}:${architecture}`, name].find((one) => tree.exists(`${database}/info/${one}.list`));
    const own = [
      ...conffiles(field.get("conffiles")),
      ...(infoName === undefined ? [] : lines(text(tree, `${database}/info/${infoName}.conffiles`))),
    ].map((path) => path.replace(/^remove-on-upgrade /, ""));
    configuration.push(...own);
    // Half-installed and removed ones own nothing that could be relied on.
    if (!/ installed$/.test(field.get("status") ?? "") || infoName === undefined) continue;
    const listed = lines(text(tree, `${database}/info/${infoName}.list`));
    const files = listed.filter((path) => path.startsWith("/") && path !== "/.");
    const one = { name, architecture, version: field.get("version") ?? "", files };
    installed.set(packageKey(one), one);
  }
  return { installed, configuration };
}
