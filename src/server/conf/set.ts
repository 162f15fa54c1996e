/** Changes one key of a conf file and leaves every other character as it is. */
import { VserverError } from "../../text/error.ts";
import { evaluate } from "./evaluate.ts";
import { parse } from "./parse.ts";
import { quote } from "./quote.ts";
import { parseServerConf, type ServerKey, serverKeys } from "./server.ts";
import { assignments } from "./syntax.ts";

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const apply = (text: string, edit: Edit): string => text.slice(0, edit.start) + edit.text + text.slice(edit.end);

/** Text of every key's value, as the file gives it under a profile. */
function keyValues(text: string, file: string, profile: string | undefined): ReadonlyMap<string, string> {
  const initial = new Map(profile === undefined ? [] : [["PROFILE", profile] as const]);
  const source = { file, text };
  const values = evaluate(source, parse(source), { known: new Set(serverKeys), initial });
  return new Map(serverKeys.flatMap((key) => (values.has(key) ? [[key, values.get(key)?.text ?? ""] as const] : [])));
}

/** The same of an edited text: the edit may have hit a comment's look-alike within quotes. */
function valuesIfReadable(...args: Parameters<typeof keyValues>): ReadonlyMap<string, string> | undefined {
  try {
    return keyValues(...args);
  } catch (thrown) {
    if (thrown instanceof VserverError) return undefined;
    throw thrown;
  }
}

/** Where the key could be set, the best place first. */
function* edits(text: string, file: string, key: ServerKey, value: string, profile?: string): Generator<Edit> {
  const source = { file, text };
  const statements = parse(source);
  const initial = new Map(profile === undefined ? [] : [["PROFILE", profile] as const]);
  const inForce = evaluate(source, statements, { known: new Set(serverKeys), initial }).get(key)?.assignment;
  const setting = `${key}=${quote(value)}`;
  if (inForce !== undefined) {
    yield { start: inForce.value.start, end: inForce.value.end, text: quote(value) };
    return;
  }
  for (const match of text.matchAll(new RegExp(`^([ \\t]*)#[ \\t]*${key}=.*$`, "gm"))) {
    yield { start: match.index, end: match.index + match[0].length, text: match[1] + setting };
  }
  // A branch that is not in force sets the key: it must come later than ours, or its profile would lose it.
  const branch = statements.find((one) => [...assignments([one])].some((inner) => inner.name === key));
  if (branch !== undefined) yield { start: branch.start, end: branch.start, text: `${setting}\n` };
  const newline = text === "" || text.endsWith("\n") ? "" : "\n";
  yield { start: text.length, end: text.length, text: `${newline}${setting}\n` };
}

/**
 * The file's text with `key` set to `value`: in the assignment that is in force, else in place of a commented-out one,
 * else on a line of its own. No other key's value changes.
 *
 * @throws VserverError when the file or the new value is wrong, or other keys depend on this one.
 */
export function setKey(text: string, file: string, key: ServerKey, value: string, profile?: string): string {
  const wanted = new Map(keyValues(text, file, profile)).set(key, value);
  for (const edit of edits(text, file, key, value, profile)) {
    const edited = apply(text, edit);
    const got = valuesIfReadable(edited, file, profile);
    if (got?.size === wanted.size && [...wanted].every(([name, expected]) => got?.get(name) === expected)) {
      parseServerConf(edited, file, profile);
      return edited;
    }
  }
  throw new VserverError({
    object: file,
    attempt: `set ${key}`,
    cause: "other values of the file depend on it",
    wayOut: "edit the file by hand",
  });
}
