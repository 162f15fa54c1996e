/** A server's name is safe as a file's name, in a path, on a command line and in a message. */
import { VserverError } from "../text/error.ts";

declare const checked: unique symbol;
export type ServerName = string & { readonly [checked]: "ServerName" };

/** Names that stand for something else under /run/vserver. */
const reserved: ReadonlySet<string> = new Set(["bpf"]);

export function isServerName(text: string): text is ServerName {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text) && !reserved.has(text);
}

/** @throws VserverError when `text` cannot be the name of a server. */
export function serverName(text: string): ServerName {
  if (isServerName(text)) return text;
  const cause = reserved.has(text)
    ? "the name is taken by the tools themselves"
    : "a name has 1 to 64 letters, digits, dots, hyphens and underscores, the first a letter or digit";
  throw new VserverError({
    object: "vserver",
    attempt: `use ${JSON.stringify(text.slice(0, 80))} as a server's name`,
    cause,
    wayOut: "choose another name",
  });
}
