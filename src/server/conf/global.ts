/** `/etc/vserver.conf`: what holds for all servers of the machine. */
import { evaluate } from "./evaluate.ts";
import { Fields } from "./fields.ts";
import { readText } from "./file.ts";
import { parse } from "./parse.ts";
import { BadValue, oneOf } from "./value.ts";

export const globalConfFile = "/etc/vserver.conf";
const keys = ["CONTEXTS", "LIMITS", "VSERVERS", "MIRROR", "SUITE"] as const;

export interface GlobalConf {
  /** `optional`: servers with the flag fakeinit run on namespaces alone where the kernel has no contexts. */
  readonly contexts: "required" | "optional";
  /** `optional`: a server starts although a limit it asks for cannot be enforced here. */
  readonly limits: "required" | "optional";
  /** Directory of the servers' trees. */
  readonly vservers: string;
  /** Where `build --method debootstrap` gets packages; undefined = from where the main server gets its own. */
  readonly mirror: string | undefined;
  /** The release it installs; undefined = the main server's own. */
  readonly suite: string | undefined;
}

export interface ParsedGlobalConf {
  readonly conf: GlobalConf;
  readonly warnings: readonly string[];
}

const choices = ["required", "optional"] as const;
const choice = (value: string) => oneOf({ text: value, at: 0 }, choices, "choice");

function directory(text: string): string {
  if (/^\/[^\n]*[^/\n]$/.test(text) && !text.split("/").includes("..")) return text;
  throw new BadValue(text, "is not a directory's absolute name", "write one like /vservers", 0);
}

export function mirrorAddress(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/{0,3}[^\s"'\\]+$/.test(text)) return text;
  throw new BadValue(text, "is not the address of a mirror", "write one like https://HOST/debian", 0);
}

export function suiteName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)) return text;
  throw new BadValue(text, "is not the name of a release", "write one like stable", 0);
}

/** @throws VserverError whose line begins `FILE:LINE:COLUMN:` */
export function parseGlobalConf(text: string, file: string): ParsedGlobalConf {
  const source = { file, text };
  const statements = parse(source);
  const field = new Fields(source, evaluate(source, statements, { known: new Set(keys) }));
  const conf: GlobalConf = Object.freeze({
    contexts: field.read("CONTEXTS", choice) ?? "required",
    limits: field.read("LIMITS", choice) ?? "required",
    vservers: field.read("VSERVERS", directory) ?? "/vservers",
    mirror: field.read("MIRROR", mirrorAddress),
    suite: field.read("SUITE", suiteName),
  });
  return Object.freeze({ conf, warnings: field.warnings(statements, keys) });
}

/** Reads the file; a missing one says nothing. */
export function readGlobalConf(file = globalConfFile): ParsedGlobalConf {
  return parseGlobalConf(readText(file) ?? "", file);
}
