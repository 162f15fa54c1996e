/** Runs another program to its end; its failure becomes one line with the program's own last words. */
import { VserverError } from "../../src/text/error.ts";

/** Standard output of `argv`. @throws VserverError when it cannot be started or exits with another status than 0. */
export async function output(argv: readonly string[], attempt: string, cwd = "."): Promise<string> {
  const name = argv[0] ?? "";
  if (Bun.which(name) === null) {
    throw new VserverError({ object: "machine", attempt, cause: `${name} is not installed`, wayOut: "run make setup" });
  }
  const child = Bun.spawn([...argv], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    cwd,
    env: { ...process.env, LC_ALL: "C" },
  });
  const [text, complaint] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (child.exitCode === 0) return text;
  const cause = complaint.trim().split("\n").slice(-3).join(" ") || `${name} exited with ${child.exitCode}`;
  throw new VserverError({ object: "machine", attempt, cause });
}
