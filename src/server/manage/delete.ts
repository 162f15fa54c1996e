/** Deletes a server: killed at any moment, it leaves a server that is stopped, and the same command goes on. */
import { mkdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { beneath } from "../../linux/beneath.ts";
import { mounts } from "../../linux/mount.ts";
import { systemWords } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";
import { withLock } from "../life/lock.ts";
import { isStanding } from "../life/phase.ts";
import { rootOnly } from "../life/server.ts";
import { liftDisk } from "../limit/disk.ts";
import type { ServerName } from "../name.ts";
import { serverDirectory, serversRoot } from "../paths.ts";
import { belongings, isThere } from "./belongings.ts";
import { forgetRename } from "./rename-record.ts";

/** Where a tree waits for its end, out of the way of a new server of the same name. */
const grave = (name: ServerName): string => join(serversRoot(), `.${name}.deleting`);

/** Whether there is anything of the server, be it the rest of an interrupted deletion. */
export const isKnown = (name: ServerName): boolean => [...belongings(name), grave(name)].some(isThere);

const failure = (name: ServerName, cause: string, wayOut?: string): VserverError =>
  new VserverError({
    object: `vserver ${name}`,
    attempt: "delete it",
    cause,
    ...(wayOut === undefined ? {} : { wayOut }),
  });

/** What is mounted in the tree belongs to somebody else. */
function refuseMounts(name: ServerName, tree: string): void {
  const inside = mounts().filter(({ target }) => target.startsWith(`${tree}/`));
  if (inside.length === 0) return;
  const places = inside.map(({ target }) => target).join(" ");
  throw failure(name, `something is mounted in it: ${places}`, "unmount it");
}

function empty(directory: string): void {
  beneath(directory, (left) => left.empty("."));
}

/** A tree of the same file system is put out of the way at once; one that is a mount point is emptied where it is. */
function removeTree(name: ServerName): void {
  const tree = serverDirectory(name);
  if (isThere(grave(name))) empty(grave(name));
  if (!isThere(tree)) return;
  refuseMounts(name, tree);
  // They would wait for the next tree that counts by the same id.
  liftDisk({ name, directory: tree, xid: null });
  if (mounts().some(({ target }) => target === tree)) {
    empty(tree);
    return;
  }
  mkdirSync(grave(name), { recursive: true, mode: 0o700 });
  renameSync(tree, join(grave(name), "tree"));
}

/** @throws VserverError when there is no such server, it runs, or something is mounted in it; nothing is removed then. */
export async function deleteServer(name: ServerName): Promise<void> {
  rootOnly(name, "delete it");
  await withLock(name, async () => {
    if (!isKnown(name)) throw failure(name, "there is no such server", "see vserver list");
    if (isStanding(name)) throw failure(name, "it is running", "stop it");
    try {
      removeTree(name);
      const [, ...files] = belongings(name);
      const remove = (path: string) => rmSync(path, { recursive: true, force: true });
      files.slice(0, -1).forEach(remove);
      if (isThere(grave(name))) {
        empty(grave(name));
        rmdirSync(grave(name));
      }
      // Whoever goes on with a move that was cut off here finds nothing left to do without it.
      files.slice(-1).forEach(remove);
      forgetRename(name);
    } catch (thrown) {
      const words = systemWords(thrown);
      if (words === undefined) throw thrown;
      throw failure(name, words, `see ${dirname(grave(name))}, then do it again`);
    }
  });
}
