/** A unification, or its undoing, that is killed at any moment loses nothing and leaves nothing half done. */
import { expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { using } from "../linux/openat2.ts";
import { setAttribute } from "../linux/xattr.ts";
import { ownAttributes } from "./mark.ts";
import { look, put, sameFile, unifyTrees, warnings } from "./trees.fixture.ts";

/** Fewer where each takes seconds. */
const kills = Number(process.env["KILLS"] ?? 200);
const files = 150;
const servers = ["a", "b", "c", "d"];
const path = (number: number) => `usr/lib/d${number % 7}/f${number}`;

/** A file whose owner, and sometimes an attribute, could be lost as well. */
function make(tree: string, number: number): void {
  const file = put(tree, path(number), { content: `file ${number} `.repeat(number), uid: number % 3 });
  if (number % 5 === 1) using(openSync(file, "r"), (open) => setAttribute(open, "user.kept", `of ${number}`));
}

/** Gives a server a private file again, equal to the one it had. */
function separate(file: string): void {
  const { mode, uid, gid, atime, mtime } = statSync(file);
  copyFileSync(file, `${file}.new`);
  chownSync(`${file}.new`, uid, gid);
  for (const [name, value] of using(openSync(file, "r"), ownAttributes))
    using(openSync(`${file}.new`, "r"), (open) => setAttribute(open, name, value));
  chmodSync(`${file}.new`, mode & 0o777);
  utimesSync(`${file}.new`, atime, mtime);
  renameSync(`${file}.new`, file);
}

/** Runs it as a process of its own and kills it so long after its work began; true when it had not ended by itself. */
async function runAndKill(words: readonly string[], milliseconds: number): Promise<boolean> {
  const program = [process.execPath, join(import.meta.dir, "trees.fixture.ts"), ...words];
  const child = Bun.spawn(program, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  await child.stdout.getReader().read();
  await Bun.sleep(milliseconds);
  child.kill("SIGKILL");
  await child.exited;
  return child.signalCode === "SIGKILL";
}

test(`killed ${kills} times, every name has the content and the attributes it had`, async () => {
  const top = mkdtempSync(join(tmpdir(), "unify-killed-"));
  try {
    const staging = join(top, ".unify");
    const tops = servers.map((name) => join(top, name));
    for (const tree of tops) for (let n = 0; n < files; n++) make(tree, n);
    const before = tops.map(look);
    let inTime = 0;
    for (let round = 0; round < kills; round++) {
      const words = round % 3 === 2 ? ["part", staging, ...tops] : ["unify", staging, ...tops];
      if (await runAndKill(words, Math.random() * 60)) inTime++;
      expect(tops.map(look)).toEqual(before);
      // Work for the next round.
      for (const tree of tops.slice(1)) {
        for (let n = 1; n < files; n++) if (Math.random() < 0.3) separate(join(tree, path(n)));
      }
    }
    expect(inTime).toBeGreaterThan(kills / 4);
    await unifyTrees(staging, tops);
    expect(tops.map(look)).toEqual(before);
    expect(readdirSync(staging)).toEqual([]);
    expect(warnings).toEqual([]);
    for (const tree of tops.slice(1)) {
      for (let n = 1; n < files; n++) expect(sameFile(join(tree, path(n)), join(tops[0] ?? "", path(n)))).toBe(true);
    }
    expect(lstatSync(join(tops[0] ?? "", path(1))).nlink).toBe(servers.length);
  } finally {
    rmSync(top, { recursive: true });
  }
}, 400_000);
