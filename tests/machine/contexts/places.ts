/** Shells in several contexts at once, as root and as an ordinary user, each with processes to be attacked. */
import { chmodSync, mkdtempSync } from "node:fs";
import { attackProgram } from "./program.ts";

/** A process that sleeps with every signal blocked: what was done to it shows. */
export interface Victim {
  readonly pid: number;
  /** Its second thread. */
  readonly tid: number;
  /** It obeys lines written there. */
  readonly orders: string;
}

export interface Place {
  /** What the script wrote, error output included. */
  run(script: string): Promise<string>;
  /**
   * Starts a process that ends with the place.
   *
   * @param threads 1 for one that is to enter a context
   * @param prefix a command it is started with
   */
  victim(threads?: 1 | 2, prefix?: string): Promise<Victim>;
  end(): Promise<void>;
}

const endMark = "== end of the script ==\n";

/** A shell that `words` (chcontext, setpriv …) start; it runs one script after the other. */
export async function place(...words: string[]): Promise<Place> {
  const shell = Bun.spawn([...words, "sh"], { stdin: "pipe", stdout: "pipe", stderr: "inherit", cwd: "/" });
  const output = shell.stdout.getReader();
  const decoder = new TextDecoder();
  let turn: Promise<unknown> = Promise.resolve();

  async function perform(script: string): Promise<string> {
    shell.stdin.write(`{ ${script}\n} 2>&1 </dev/null; printf '${endMark.trimEnd()}\\n'\n`);
    await shell.stdin.flush();
    let text = "";
    while (!text.endsWith(endMark)) {
      const { done, value } = await output.read();
      if (done) throw new Error(`the shell of ${words.join(" ")} ended after: ${text}`);
      text += decoder.decode(value, { stream: true });
    }
    return text.slice(0, -endMark.length);
  }

  function run(script: string): Promise<string> {
    const result = turn.then(() => perform(script));
    turn = result.catch(() => undefined);
    return result;
  }

  // What is said next of the place is true of it only once the shell is there.
  await run(":");
  const directory = mkdtempSync("/tmp/place-");
  chmodSync(directory, 0o777);
  let victims = 0;
  return {
    run,
    async victim(threads = 2, prefix = "") {
      const program = attackProgram();
      const orders = `${directory}/orders-${victims}`;
      const said = `${directory}/said-${victims}`;
      victims += 1;
      const text = await run(
        `mkfifo ${orders}; ${prefix} ${program} victim ${orders} ${threads === 1 ? "one" : ""} >${said} &
         until grep -q . ${said}; do sleep 0.05; done; cat ${said}`,
      );
      const [pid = 0, tid = 0] = text.trim().split(" ").map(Number);
      return { pid, tid, orders };
    },
    async end() {
      shell.stdin.end();
      await shell.exited;
    },
  };
}
