/** Questions to the administrator: asked on a terminal, never answered by what happens to stand in a pipe. */
import { createInterface } from "node:readline/promises";
import { isatty } from "node:tty";

/** Whether there is somebody to ask. */
export const canAsk = (): boolean => isatty(0) && isatty(2);

/** The line typed after `question`; undefined when the terminal was closed or ^C pressed. */
export async function ask(question: string): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<undefined>((resolve) => terminal.once("close", () => resolve(undefined)));
  try {
    return await Promise.race([terminal.question(question), closed]);
  } finally {
    terminal.close();
  }
}

/** Whether the answer is a clear yes. */
export async function confirmed(question: string): Promise<boolean> {
  return /^\s*y(es)?\s*$/i.test((await ask(`${question} [y/N] `)) ?? "");
}
