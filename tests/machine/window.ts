/** A terminal window with a shell in it, typed into line by line, as the 2003 document asks its reader to. */

/** Any shell's: the programs of the sessions print nothing that ends like it. */
const shellPrompt = /[#$] $/;

/** Seconds; the machine is emulated and may be busy. */
const patience = 200;

export class Window {
  readonly #terminal: Bun.Terminal;
  readonly #shell: Bun.Subprocess;
  #shown = "";
  #changed = Promise.withResolvers<void>();

  private constructor(user: string) {
    const decoder = new TextDecoder();
    this.#terminal = new Bun.Terminal({
      cols: 200,
      rows: 50,
      data: (_terminal, bytes) => {
        this.#shown += decoder.decode(bytes, { stream: true }).replaceAll("\r", "");
        this.#changed.resolve();
      },
    });
    // A session of its own, with the window as its controlling terminal.
    const become = ["setsid", "--ctty", "setpriv", "--reuid", user, "--regid", user, "--init-groups"];
    this.#shell = Bun.spawn([...become, "/bin/sh", "-i"], {
      terminal: this.#terminal,
      cwd: "/tmp",
      env: { PATH: process.env["PATH"] ?? "", HOME: "/tmp", TERM: "dumb", LANG: "C.UTF-8" },
    });
  }

  /** Opens a window in which `user` has a shell. */
  static async open(user: string): Promise<Window> {
    const window = new Window(user);
    await window.#until(shellPrompt, 0);
    return window;
  }

  /** Types a line and returns what it shows until the next prompt, without the prompt. */
  async type(line: string, prompt = shellPrompt): Promise<string> {
    const from = this.#shown.length;
    this.#terminal.write(`${line}\n`);
    const shown = await this.#until(prompt, from);
    return shown.slice(shown.indexOf("\n") + 1);
  }

  close(): void {
    this.#shell.kill("SIGKILL");
    this.#terminal.close();
  }

  /** The lines shown since `from`, once `prompt` stands in the one behind them. */
  async #until(prompt: RegExp, from: number): Promise<string> {
    for (let left = patience * 10; left > 0; left--) {
      const shown = this.#shown.slice(from);
      // What is typed is shown first; a prompt before it is of the line before.
      if (prompt.test(shown) && (from === 0 || shown.includes("\n")))
        return shown.slice(0, shown.lastIndexOf("\n") + 1);
      this.#changed = Promise.withResolvers<void>();
      await Promise.race([this.#changed.promise, Bun.sleep(100)]);
    }
    throw new Error(`no ${prompt} after ${patience} s; shown: ${this.#shown.slice(from)}`);
  }
}
