/** Every complaint about a conf file is one line that begins `FILE:LINE:COLUMN:`. */
import { VserverError } from "../../text/error.ts";

export interface Source {
  readonly file: string;
  readonly text: string;
}

/** Line and column, both from 1, of a character; columns count code points. */
export function place(source: Source, offset: number): { readonly line: number; readonly column: number } {
  const before = source.text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: Array.from(before.slice(lineStart)).length + 1 };
}

/** What the file says, fit for one line: quotes around it, at most 40 characters. */
export function shown(text: string): string {
  const characters = Array.from(text.replace(/[\p{C}]/gu, "?"));
  return `"${characters.length > 40 ? `${characters.slice(0, 39).join("")}…` : characters.join("")}"`;
}

export function confError(
  source: Source,
  offset: number,
  attempt: string,
  cause: string,
  wayOut: string,
): VserverError {
  const { line, column } = place(source, offset);
  return new VserverError({ object: `${source.file}:${line}:${column}`, attempt, cause, wayOut });
}

/** Something the shell would have run or expanded, and this parser does not. */
export function syntaxError(source: Source, offset: number, cause: string, wayOut: string): VserverError {
  return confError(source, offset, "read this", cause, wayOut);
}
