/** Gives a stopped server another name: killed at any moment, the same command again completes it. */
import { existsSync, readFileSync, renameSync } from "node:fs";
import { beneath } from "../../linux/beneath.ts";
import { systemWords } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";
import { writeHostName } from "../build/settings.ts";
import { readServerConf } from "../conf/read.ts";
import { replaceFile } from "../conf/replace.ts";
import { setKey } from "../conf/set.ts";
import { withLock } from "../life/lock.ts";
import { isStanding } from "../life/phase.ts";
import { rootOnly } from "../life/server.ts";
import type { ServerName } from "../name.ts";
import { confFile, serverDirectory } from "../paths.ts";
import { belongings, isThere } from "./belongings.ts";

const failure = (from: ServerName, to: ServerName, cause: string, wayOut: string): VserverError =>
  new VserverError({ object: `vserver ${from}`, attempt: `rename it to ${to}`, cause, wayOut });

function move(from: ServerName, to: ServerName): void {
  const target = belongings(to);
  const parts = belongings(from)
    .map((path, at) => ({ path, target: target[at] ?? "" }))
    .filter(({ path }) => isThere(path));
  const taken = parts.find((part) => isThere(part.target));
  if (taken !== undefined) throw failure(from, to, `${taken.target} exists`, "choose another name");
  if (parts.length === 0) throw failure(from, to, "there is no such server", "see vserver list");
  for (const part of parts) renameSync(part.path, part.target);
}

/** A host name that was the server's name follows it: in the conf file, and in the tree's etc/hostname and etc/hosts. */
function followHostName(from: ServerName, to: ServerName): void {
  const file = confFile(to);
  if (readServerConf(to).conf.hostName !== from) return;
  const { conf } = readServerConf(to);
  const first = typeof conf.iproot === "string" ? undefined : conf.iproot.find((one) => one.kind === "ipv4")?.host;
  if (existsSync(serverDirectory(to))) beneath(serverDirectory(to), (tree) => writeHostName(tree, to, first));
  replaceFile(file, setKey(readFileSync(file, "utf8"), file, "S_HOSTNAME", to));
}

/** @throws VserverError when it runs or the name is taken; nothing is changed then. */
export async function renameServer(from: ServerName, to: ServerName): Promise<void> {
  rootOnly(from, `rename it to ${to}`);
  // The locks are taken in one order, whoever renames what.
  const [first, second] = from < to ? [from, to] : [to, from];
  await withLock(first, () =>
    withLock(second, async () => {
      for (const name of [from, to]) {
        if (isStanding(name)) throw failure(from, to, `${name} is running`, `stop it: vserver ${name} stop`);
      }
      try {
        // Interrupted after its last step but one, there is only the new name left to look at.
        if (isThere(confFile(from)) || isThere(serverDirectory(from)) || !isThere(confFile(to))) move(from, to);
        followHostName(from, to);
      } catch (thrown) {
        const words = systemWords(thrown);
        if (words === undefined) throw thrown;
        throw failure(from, to, words, "mend that, then do it again");
      }
    }),
  );
}
