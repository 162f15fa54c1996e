/** Runs other programs for the bench: bounded, and either they succeed or their failure is told. */
import { join, resolve } from "node:path";
import { VserverError } from "../src/text/error.ts";

export const root = resolve(import.meta.dir, "..");
/** Where the bench's own programs are built. */
export const buildDirectory = join(root, "build/bench");

export interface RunOptions {
  readonly seconds: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Standard output of a command. @throws VserverError when it fails or takes longer. */
export async function output(command: readonly string[], options: RunOptions): Promise<string> {
  const child = Bun.spawn(["timeout", "--kill-after=5", String(options.seconds), ...command], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...options.environment },
  });
  const [text, complaint] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const status = await child.exited;
  if (status === 0) return text;
  const said = complaint.trim().split("\n").slice(-3).join(" ");
  throw new VserverError({
    object: "bench",
    attempt: `run ${command.slice(0, 3).join(" ")}`,
    cause: status === 124 ? `not done after ${options.seconds} s` : `status ${status} ${said}`,
  });
}

/** Compiles a program of the bench, statically, so that a loader does not cost more than what is measured. */
export async function compile(name: string, source: string): Promise<string> {
  const program = join(buildDirectory, name);
  await output(["mkdir", "-p", buildDirectory], { seconds: 5 });
  await output(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", program, join(root, source)], {
    seconds: 60,
  });
  return program;
}
