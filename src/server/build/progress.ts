/** Shows on a terminal what a build is doing, how far it is and how fast; in a pipe or a file it says nothing. */
import { writeSync } from "node:fs";
import { isatty } from "node:tty";

const standardError = 2;
/** Milliseconds between two lines. */
const interval = 100;

/** `1.2 GB`, in powers of 1000. */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  const value = bytes / 1000 ** power;
  return `${power > 0 && value < 10 ? value.toFixed(1) : Math.floor(value)} ${units[power]}`;
}

/** `m:ss` */
export function timeText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export class Progress {
  readonly shown: boolean;
  #what = "";
  #began = 0;
  #printed = 0;

  /** @param shown whether there is somebody to show it to; found out when it is not said */
  constructor(
    readonly name: string,
    shown = isatty(standardError),
  ) {
    this.shown = shown;
  }

  /** A new piece of work begins. */
  phase(what: string): void {
    this.#what = what;
    this.#began = performance.now();
    this.#printed = 0;
    this.#print("");
  }

  /** How much of it is done: in bytes or in pieces, of a total when that is known. */
  amount(done: number, total?: number, unit: "bytes" | "files" = "bytes"): void {
    const seconds = (performance.now() - this.#began) / 1000;
    const text = (value: number) => (unit === "bytes" ? sizeText(value) : String(Math.round(value)));
    const of = total === undefined || total === 0 ? "" : ` of ${text(total)}`;
    const share = of === "" ? "" : `, ${Math.floor((100 * done) / (total ?? 1))} %`;
    const speed = seconds < 0.5 ? "" : `, ${text(done / seconds)}/s`;
    this.#print(`${text(done)}${of}${unit === "files" ? " files" : ""}${share}${speed}`);
  }

  /** What it is busy with, in the words of the tool that does it. */
  detail(text: string): void {
    this.#print(text);
  }

  /** Takes the line away, if there is one. */
  clear(): void {
    if (this.#printed > 0) writeSync(standardError, "\r\x1b[K");
    this.#printed = 0;
  }

  #print(text: string): void {
    const now = performance.now();
    if (!this.shown || now - this.#printed < interval) return;
    this.#printed = now;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a file's name must not steer the terminal
    const clean = text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
    const line = `${this.name}: ${this.#what} ${timeText(now - this.#began)} ${clean}`;
    writeSync(standardError, `\r\x1b[K${line.slice(0, 100).trimEnd()}`);
  }
}
