/** Gives a stopped server another name: killed at any moment, the same command again completes it. */
import { existsSync, readFileSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { beneath } from "../../linux/beneath.ts";
import { syncDirectories } from "../../linux/sync.ts";
import { systemWords } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";
import { writeHostName } from "../build/settings.ts";
import { noSuchServer, readServerConf } from "../conf/read.ts";
import { replaceFile } from "../conf/replace.ts";
import { setKey } from "../conf/set.ts";
import { withLock } from "../life/lock.ts";
import { isStanding } from "../life/phase.ts";
import { rootOnly } from "../life/server.ts";
import type { ServerName } from "../name.ts";
import { confFile, serverDirectory } from "../paths.ts";
import { belongings, isThere } from "./belongings.ts";
import { forgetRename, recordRename, renamedFrom, renameRecord, renamingTo } from "./rename-record.ts";

interface Part {
  readonly path: string;
  readonly target: string;
}

const failure = (from: ServerName, to: ServerName, cause: string, wayOut: string, exitCode = 1): VserverError =>
  new VserverError({ object: `vserver ${from}`, attempt: `rename it to ${to}`, cause, wayOut, exitCode });

/** Its parts that have the old name still, and where they go. */
function partsOf(from: ServerName, to: ServerName): readonly Part[] {
  const targets = belongings(to);
  return belongings(from)
    .map((path, at) => ({ path, target: targets[at] ?? "" }))
    .filter(({ path }) => isThere(path));
}

const isAnything = (name: ServerName): boolean => belongings(name).some(isThere);

function expectThere(from: ServerName, to: ServerName): void {
  if (!isAnything(from)) throw failure(from, to, "there is no such server", "see vserver list", noSuchServer);
}

/** @throws VserverError, with nothing done, unless it can begin. */
function begin(from: ServerName, to: ServerName): void {
  expectThere(from, to);
  const taken = belongings(to).find(isThere);
  if (taken !== undefined) throw failure(from, to, `${taken} exists`, `choose another name, or vserver ${to} delete`);
  const other = renamedFrom(to);
  if (other !== undefined && isAnything(other)) {
    throw failure(from, to, `${other} is being renamed to that`, `complete that: vserver ${other} rename ${to}`);
  }
  // What is wrong in it must not come out halfway.
  if (isThere(confFile(from))) readServerConf(from);
  recordRename(from, to);
}

/** Goes on where an interrupted one has ended: the record says that what has the new name already is this server's. */
function complete(from: ServerName, to: ServerName): void {
  const parts = partsOf(from, to);
  const taken = parts.find(({ target }) => isThere(target));
  // Made since by somebody else.
  if (taken !== undefined) {
    const wayOut = `move one of them away, or do without: rm ${renameRecord(from)}`;
    throw failure(from, to, `${taken.path} and ${taken.target} exist`, wayOut);
  }
  for (const part of parts) renameSync(part.path, part.target);
  followHostName(from, to);
  syncDirectories([...belongings(from), ...belongings(to)].map(dirname).filter(isThere));
  forgetRename(from);
}

/** A host name that was the server's name follows it: in the conf file, and in the tree's etc/hostname and etc/hosts. */
function followHostName(from: ServerName, to: ServerName): void {
  const file = confFile(to);
  // A tree alone has a name, too.
  if (!isThere(file)) return;
  if (readServerConf(to).conf.hostName !== from) return;
  const { conf } = readServerConf(to);
  const first = typeof conf.iproot === "string" ? undefined : conf.iproot.find((one) => one.kind === "ipv4")?.host;
  if (existsSync(serverDirectory(to))) beneath(serverDirectory(to), (tree) => writeHostName(tree, to, first));
  replaceFile(file, setKey(readFileSync(file, "utf8"), file, "S_HOSTNAME", to));
}

/** @throws VserverError when there is no such server, it runs or the name is taken; nothing is changed then. */
export async function renameServer(from: ServerName, to: ServerName): Promise<void> {
  rootOnly(from, `rename it to ${to}`);
  if (from === to) throw failure(from, to, "that is its name", "choose another name");
  // The locks are taken in one order, whoever renames what.
  const [first, second] = from < to ? [from, to] : [to, from];
  await withLock(first, () =>
    withLock(second, async () => {
      const begun = renamingTo(from);
      if (begun === undefined) expectThere(from, to);
      for (const name of [from, to]) {
        if (isStanding(name)) throw failure(from, to, `${name} is running`, `stop it: vserver ${name} stop`);
      }
      if (begun !== undefined && begun !== to && isAnything(begun)) {
        throw failure(from, to, `it is being renamed to ${begun}`, `complete that: vserver ${from} rename ${begun}`);
      }
      try {
        if (begun !== to) {
          forgetRename(from);
          begin(from, to);
        }
        complete(from, to);
      } catch (thrown) {
        if (!isAnything(to)) forgetRename(from);
        const words = systemWords(thrown);
        if (words === undefined) throw thrown;
        throw failure(from, to, words, "mend that, then do it again");
      }
    }),
  );
}
