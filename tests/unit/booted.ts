/** Runs `machine/run` as its user does, for tests that need a boot of their own. */
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dir, "../..");

/** Milliseconds a test may take for each boot in it. */
export const bootTime = 120_000;

export interface Ran {
  readonly out: string;
  readonly err: string;
  readonly status: number;
}

/** The bytes of both outputs, and the exit status; `script` is standard input. */
export async function machineBytes(words: readonly string[], script = "") {
  const child = Bun.spawn([join(root, "machine/run"), ...words], {
    stdin: new TextEncoder().encode(script),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([child.stdout.bytes(), child.stderr.bytes(), child.exited]);
  return { out, err, status };
}

/** The same as text. */
export async function machine(words: readonly string[], script = ""): Promise<Ran> {
  const { out, err, status } = await machineBytes(words, script);
  return { out: new TextDecoder().decode(out), err: new TextDecoder().decode(err), status };
}
