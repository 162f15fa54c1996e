/** Where Debian packages come from: the mirror this machine's own apt uses, or $VSERVER_MIRROR. */
import { VserverError } from "../../src/text/error.ts";
import { output } from "./command.ts";

export const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

const fields = ["REPO_URI", "CODENAME", "ORIGIN", "LABEL", "CREATED_BY"] as const;

/** Chooses among the lines of `apt-get indextargets`; what apt has not fetched yet has no origin and no label. */
export function chooseMirror(targets: string): string | undefined {
  const rows = targets.split("\n").map((line) => line.split(" "));
  const archives = rows.filter((row) => row[4] === "Packages");
  const debian = archives.find((row) => row[2] === "Debian" && row[3] === "Debian");
  const unfetched = archives.find(
    (row) => row[2] === "$(ORIGIN)" && /^(bookworm|trixie|forky|sid)$/.test(row[1] ?? ""),
  );
  return (debian ?? unfetched)?.[0];
}

/** @throws VserverError on a machine whose apt knows no Debian mirror. */
export async function mirror(): Promise<string> {
  const told = process.env["VSERVER_MIRROR"];
  if (told !== undefined && told !== "") return told;
  const format = fields.map((field) => `$(${field})`).join(" ");
  const found = chooseMirror(await output(["apt-get", "indextargets", "--format", format], "ask apt for its mirror"));
  if (found !== undefined) return found;
  throw new VserverError({
    object: "machine",
    attempt: "find a Debian mirror",
    cause: "apt on this machine has no Debian source",
    wayOut: "set VSERVER_MIRROR",
  });
}

/** One line for a sources.list. */
export const sourceLine = (uri: string, suite: string): string => `deb [signed-by=${keyring}] ${uri} ${suite} main`;

/** The proxies apt uses here, as options for another apt. */
export async function proxyOptions(): Promise<string[]> {
  const options: string[] = [];
  for (const name of ["Acquire::http::Proxy", "Acquire::https::Proxy"]) {
    const value = (await output(["apt-config", "shell", "VALUE", name], "ask apt for its proxy")).trim();
    const quoted = /^VALUE='(.*)'$/.exec(value)?.[1];
    if (quoted) options.push(`${name} "${quoted}";`);
  }
  return options;
}
