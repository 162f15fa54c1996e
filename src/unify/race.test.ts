/** Programs that write while files are unified lose nothing, whichever way they write. */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { put, sameFile, unifyTrees, warnings } from "./trees.fixture.ts";

/** Puts numbered versions of a file in place, all of one size and one time, so that they look alike; says the last. */
const replacing = (file: string, end: string) =>
  `n=100000; until [ -e ${end} ]; do n=$((n+1)); echo "version $n" >${file}.new; touch -d 2001-01-01 ${file}.new
   mv ${file}.new ${file}; done; echo "version $n"`;
/** Keeps a file open and adds to it; says how many lines there must be. */
const appending = (file: string, end: string) =>
  `n=0; exec 3>>${file}; until [ -e ${end} ]; do n=$((n+1)); echo "line $n" >&3; done; echo $n`;

test("eight programs replace and extend files while they are unified: each finds what it wrote last", async () => {
  const top = mkdtempSync(join(tmpdir(), "unify-race-"));
  try {
    const end = join(top, "end");
    const trees = ["one", "two"].map((name) => join(top, name));
    for (const tree of trees) {
      mkdirSync(join(tree, "usr"), { recursive: true });
      for (let n = 0; n < 100; n++) put(tree, `usr/quiet${n}`, { content: `quiet ${n} `.repeat(100) });
      put(tree, "usr/log", { content: "first\n" });
    }
    const start = (script: string) => Bun.spawn(["sh", "-c", script], { stdin: "ignore", stdout: "pipe" });
    const files = trees.flatMap((tree) => [0, 1, 2].map((n) => join(tree, `usr/raced${n}`)));
    const writers = files.map((file) => [file, start(replacing(file, end))] as const);
    const loggers = trees.map((tree) => [join(tree, "usr/log"), start(appending(join(tree, "usr/log"), end))] as const);
    const until = performance.now() + 4000;
    let rounds = 0;
    for (; performance.now() < until || rounds < 5; rounds++) await unifyTrees(join(top, ".unify"), trees);
    writeFileSync(end, "");
    for (const [file, writer] of writers) {
      const last = (await new Response(writer.stdout).text()).trim();
      expect([file, readFileSync(file, "utf8").trim()]).toEqual([file, last]);
    }
    for (const [file, logger] of loggers) {
      const lines = Number(await new Response(logger.stdout).text());
      expect([file, readFileSync(file, "utf8").split("\n").length]).toEqual([file, lines + 2]);
    }
    for (let n = 0; n < 100; n++) {
      expect(sameFile(join(trees[0] ?? "", `usr/quiet${n}`), join(trees[1] ?? "", `usr/quiet${n}`))).toBe(true);
    }
    expect(readdirSync(join(top, ".unify"))).toEqual([]);
    expect(warnings).toEqual([]);
  } finally {
    rmSync(top, { recursive: true });
  }
}, 60_000);
