/** Gives every variable of a parsed conf file its value, in bounded time and space. */
import { confError, type Source, shown } from "./source.ts";
import type { Assignment, Case, Part, Statement, Test, Word } from "./syntax.ts";

/** Characters that all values of one file may have together: `B=$A$A C=$B$B …` doubles without end otherwise. */
const mostCharacters = 1 << 18;
/** Longest word and longest pattern that a `case` compares. */
const longestCompared = 256;

/** A piece of a value and where in the file it comes from. */
interface Chunk {
  readonly text: string;
  readonly at: number;
  /** The text stands in the file as it is, rather than behind a `$`. */
  readonly verbatim: boolean;
  readonly quoted: boolean;
}

/** What a variable was set to, and by which assignment. */
export class Value {
  readonly text: string;

  constructor(
    readonly chunks: readonly Chunk[],
    readonly assignment: Assignment | undefined,
  ) {
    this.text = chunks.map((chunk) => chunk.text).join("");
  }

  /** The place in the file of the value's character number `index`. */
  locate(index: number): number {
    let passed = 0;
    for (const chunk of this.chunks) {
      if (index < passed + chunk.text.length) return chunk.verbatim ? chunk.at + index - passed : chunk.at;
      passed += chunk.text.length;
    }
    return this.assignment?.value.start ?? 0;
  }
}

export interface Setting {
  /** Names that are empty rather than an error when nothing has set them. */
  readonly known: ReadonlySet<string>;
  /** Values from outside, such as PROFILE. */
  readonly initial?: ReadonlyMap<string, string>;
}

/**
 * @throws VserverError for a variable that was never set and for values without end.
 */
export function evaluate(
  source: Source,
  statements: readonly Statement[],
  setting: Setting,
): ReadonlyMap<string, Value> {
  const evaluator = new Evaluator(source, setting);
  evaluator.run(statements);
  return evaluator.values;
}

class Evaluator {
  readonly values = new Map<string, Value>();
  #characters = 0;

  constructor(
    readonly source: Source,
    readonly setting: Setting,
  ) {
    for (const [name, text] of setting.initial ?? []) {
      this.values.set(name, new Value([{ text, at: 0, verbatim: false, quoted: true }], undefined));
    }
  }

  run(statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (statement.kind === "assignment") {
        this.values.set(statement.name, new Value(this.#expand(statement.value), statement));
      } else if (statement.kind === "case") this.#case(statement);
      else this.run(statement.arms.find((arm) => this.#holds(arm.test))?.body ?? statement.otherwise);
    }
  }

  #expand(word: Word): Chunk[] {
    return word.parts.flatMap((part) => (part.kind === "text" ? [{ ...part, verbatim: true }] : this.#variable(part)));
  }

  #variable(part: Part & { readonly kind: "variable" }): Chunk[] {
    const value = this.values.get(part.name)?.text;
    if (part.fallback !== undefined && (value === undefined || (value === "" && part.fallback.whenEmpty))) {
      return this.#expand(part.fallback.word);
    }
    if (value === undefined && !this.setting.known.has(part.name)) {
      const wayOut = `set it above, or write \${${part.name}:-WORD}`;
      throw confError(this.source, part.at, "read this", `nothing has set ${shown(part.name)}`, wayOut);
    }
    this.#characters += value?.length ?? 0;
    if (this.#characters > mostCharacters) {
      const wayOut = "write the value out";
      throw confError(this.source, part.at, "read this", `the values grow beyond ${mostCharacters} characters`, wayOut);
    }
    return [{ text: value ?? "", at: part.at, verbatim: false, quoted: part.quoted }];
  }

  #text(word: Word): string {
    return new Value(this.#expand(word), undefined).text;
  }

  #holds(test: Test): boolean {
    return (this.#text(test.left) === this.#text(test.right)) === test.equal;
  }

  #case(statement: Case): void {
    const subject = this.#text(statement.subject);
    this.#expectShort(subject, statement.subject);
    for (const arm of statement.arms) {
      if (arm.patterns.some((pattern) => this.#matches(pattern, subject))) {
        this.run(arm.body);
        return;
      }
    }
  }

  #matches(word: Word, subject: string): boolean {
    const pattern = this.#expand(word);
    this.#expectShort(new Value(pattern, undefined).text, word);
    return matches(pattern, subject);
  }

  #expectShort(text: string, word: Word): void {
    if (text.length <= longestCompared) return;
    const cause = `case compares at most ${longestCompared} characters`;
    throw confError(this.source, word.start, "read this", cause, "choose by a shorter word");
  }
}

/** Compares with a pattern where an unquoted `*` stands for any text and `?` for one character. */
function matches(pattern: readonly Chunk[], subject: string): boolean {
  const wanted = pattern.flatMap((chunk) =>
    Array.from(chunk.text, (character) => ({ character, wild: !chunk.quoted && "*?".includes(character) })),
  );
  const given = Array.from(subject);
  let at = 0;
  let retry: { readonly star: number; at: number } | undefined;
  for (let next = 0; at < given.length || next < wanted.length; ) {
    const want = wanted[next];
    if (want?.wild && want.character === "*") {
      retry = { star: ++next, at };
    } else if (at < given.length && want !== undefined && (want.wild || want.character === given[at])) {
      next++;
      at++;
    } else if (retry !== undefined && retry.at < given.length) {
      at = ++retry.at;
      next = retry.star;
    } else return false;
  }
  return true;
}
