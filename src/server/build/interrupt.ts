/** Turns ^C, hangup and SIGTERM into an orderly end: the running tool dies, what was half built is removed. */
import { constants } from "node:os";
import { VserverError } from "../../text/error.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class Interrupt {
  #signal: (typeof signals)[number] | undefined;
  readonly #running = new Set<number>();
  readonly #remove: () => void;

  /** @param attempt what is interrupted, an infinitive; @param wayOut what that leaves */
  constructor(
    readonly object: string,
    readonly attempt = "build it",
    readonly wayOut = "nothing of it is left",
  ) {
    const handlers = signals.map((signal) => {
      const handler = () => this.#end(signal);
      process.on(signal, handler);
      return () => process.off(signal, handler);
    });
    this.#remove = () => {
      for (const remove of handlers) remove();
    };
  }

  /** While `pid` runs, a signal kills it. */
  guard(pid: number): void {
    this.#running.add(pid);
    if (this.#signal !== undefined) this.#kill();
  }

  release(pid: number): void {
    this.#running.delete(pid);
  }

  /** @throws VserverError when a signal has come. */
  check(): void {
    if (this.#signal === undefined) return;
    throw new VserverError({
      object: this.object,
      attempt: this.attempt,
      cause: `interrupted by ${this.#signal}`,
      wayOut: this.wayOut,
      exitCode: 128 + constants.signals[this.#signal],
    });
  }

  /** Signals have their usual effect again. */
  stop(): void {
    this.#remove();
  }

  #end(signal: (typeof signals)[number]): void {
    this.#signal = signal;
    this.#kill();
  }

  #kill(): void {
    for (const pid of this.#running) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // ended by itself in the meantime
      }
    }
  }
}
