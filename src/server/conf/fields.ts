/** Turns the values of a conf file into typed fields; what is wrong is reported at its line and column. */
import type { Value } from "./evaluate.ts";
import { nearest } from "./nearest.ts";
import { confError, place, type Source, shown } from "./source.ts";
import { assignments, references, type Statement } from "./syntax.ts";
import { BadValue } from "./value.ts";

export class Fields {
  constructor(
    readonly source: Source,
    readonly values: ReadonlyMap<string, Value>,
  ) {}

  /** The parsed value of a key; undefined when the file does not set it or sets it to nothing. */
  read<T>(key: string, parse: (text: string) => T): T | undefined {
    return (this.values.get(key)?.text ?? "") === "" ? undefined : this.readEvenEmpty(key, parse);
  }

  /** The parsed value of a key for which nothing is a value; undefined when the file does not set it. */
  readEvenEmpty<T>(key: string, parse: (text: string) => T): T | undefined {
    const value = this.values.get(key);
    if (value === undefined) return undefined;
    try {
      return parse(value.text);
    } catch (thrown) {
      if (!(thrown instanceof BadValue)) throw thrown;
      const offset = value.locate(thrown.at);
      throw confError(this.source, offset, `set ${key}`, `${shown(thrown.text)} ${thrown.reason}`, thrown.wayOut);
    }
  }

  /** One line for each variable that is set, is no key, and is used nowhere in the file. */
  warnings(statements: readonly Statement[], keys: readonly string[]): readonly string[] {
    const used = new Set<string>([...keys, ...references(statements)]);
    const lines: string[] = [];
    for (const { name, start } of assignments(statements)) {
      if (used.has(name)) continue;
      used.add(name);
      const { line, column } = place(this.source, start);
      const near = nearest(name, keys);
      const wayOut = near === undefined ? "remove it" : `did you mean ${near}?`;
      lines.push(`${this.source.file}:${line}:${column}: ${shown(name)} is no key and is not used; ${wayOut}`);
    }
    return Object.freeze(lines);
  }
}
