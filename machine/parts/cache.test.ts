import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "cache-test-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** The cache's place is read from the environment when its module is loaded. */
async function inCache(program: string): Promise<string> {
  const module = join(import.meta.dir, "cache.ts");
  const text = `import { isMade, makePart, partPath } from ${JSON.stringify(module)}; import { writeFileSync } from "node:fs";
    const part = { about: "x", name: "x", recipe: ["1"], make: async (path) => writeFileSync(path, "made") };
    ${program}`;
  const child = Bun.spawn([process.execPath, "-e", text], {
    env: { ...process.env, VSERVER_CACHE: directory },
    stdout: "pipe",
    stderr: "inherit",
  });
  return child.stdout.text();
}

test("a part is made once, and again when its recipe changes", async () => {
  const program = `let made = 0; const counted = (recipe) => ({ ...part, recipe, make: async (path) => { made++; await part.make(path); } });
    for (const recipe of [["1"], ["1"], ["2"]]) await makePart(counted(recipe)); console.log(made);`;
  expect(await inCache(program)).toBe("2\n");
  expect(readdirSync(directory).length).toBe(2);
});

test("what fails half-way leaves nothing under any name", async () => {
  const program = `const broken = { ...part, make: async (path) => { writeFileSync(path, "half"); throw new Error("no"); } };
    await makePart(broken).catch(() => console.log(isMade(broken)));`;
  expect(await inCache(program)).toBe("false\n");
  expect(readdirSync(directory)).toEqual([]);
});

test("what an interrupted making left is swept away, what is finished stays", async () => {
  writeFileSync(join(directory, "x-1.unfinished"), "");
  writeFileSync(join(directory, "x-2"), "");
  const module = join(import.meta.dir, "cache.ts");
  await inCache(`const { sweep } = await import(${JSON.stringify(module)}); sweep();`);
  expect(existsSync(join(directory, "x-1.unfinished"))).toBe(false);
  expect(existsSync(join(directory, "x-2"))).toBe(true);
});

test.skipIf(process.getuid?.() !== 0)("a file system left mounted in what was interrupted is not emptied", () => {
  const module = join(import.meta.dir, "cache.ts");
  mkdirSync(join(directory, "x-1.unfinished/dev"), { recursive: true });
  const script = 'cd "$0/x-1.unfinished"; mount -t tmpfs none dev && touch dev/file; "$1" -e "$2" 2>/dev/null; ls dev';
  const sweep = `const { sweep } = await import(${JSON.stringify(module)}); sweep();`;
  const words = ["unshare", "--mount", "sh", "-c", script, directory, process.execPath, sweep];
  const { stdout } = Bun.spawnSync(words, { env: { ...process.env, VSERVER_CACHE: directory }, stdout: "pipe" });
  expect(stdout.toString()).toBe("file\n");
});
