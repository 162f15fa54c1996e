/** Nobody logs in as root of a new server before its administrator has set a password or a key. */
import type { Tree } from "../../linux/beneath.ts";
import { VserverError } from "../../text/error.ts";

/** What no password hashes to. */
const locked = "*";

/** The text of shadow(5) or passwd(5) with root's second field changed; undefined when root has no line. */
function withPassword(text: string, hash: string): string | undefined {
  const changed = text.replace(/^root:[^:\n]*:/m, () => `root:${hash}:`);
  return /^root:/m.test(text) ? changed : undefined;
}

function change(tree: Tree, path: string, hash: string): boolean {
  const text = tree.readText(path);
  const changed = text === undefined ? undefined : withPassword(text, hash);
  if (changed === undefined) return false;
  const status = tree.status(path);
  tree.write(path, changed, (status?.mode ?? 0o600) & 0o7777);
  return true;
}

/** A tree without shadow(5) keeps its passwords in passwd(5). */
export function lockRoot(tree: Tree): void {
  if (!change(tree, "etc/shadow", locked)) change(tree, "etc/passwd", locked);
}

/** @param hash as crypt(3) makes it. @throws VserverError when the tree has no root user. */
export function setRootPassword(tree: Tree, hash: string): void {
  if (change(tree, "etc/shadow", hash) || change(tree, "etc/passwd", hash)) return;
  throw new VserverError({ object: tree.directory, attempt: "set root's password", cause: "it has no user root" });
}

/** Lets root in by this key alone, in the form of authorized_keys(5). */
export function setRootKey(tree: Tree, key: string): void {
  tree.makeDirectory("root/.ssh", 0o700);
  tree.write("root/.ssh/authorized_keys", `${key.trim()}\n`, 0o600);
}
