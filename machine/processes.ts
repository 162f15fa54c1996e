/** Child processes that end with us, however we end: the kernel kills them when this process is gone. */

export class Processes {
  readonly #running: Bun.Subprocess[] = [];

  /** Starts `argv` without input or output. */
  start(argv: readonly string[]): void {
    this.#spawn(argv, "ignore");
  }

  /** The same, and what it says on standard error until it ends. */
  async finish(argv: readonly string[]): Promise<string> {
    const child = this.#spawn(argv, "pipe");
    const complaint = await new Response(child.stderr).text();
    await child.exited;
    return complaint.trim();
  }

  end(): void {
    for (const child of this.#running) child.kill("SIGKILL");
  }

  #spawn<Err extends "ignore" | "pipe">(argv: readonly string[], stderr: Err): Bun.Subprocess<"ignore", "ignore", Err> {
    const words = ["setpriv", "--pdeathsig", "KILL", "--", ...argv];
    const child = Bun.spawn(words, { stdin: "ignore", stdout: "ignore", stderr });
    this.#running.push(child);
    return child;
  }
}
