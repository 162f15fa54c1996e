/** Words, quotes and variables as the POSIX shell reads them; whatever it would run or expand otherwise is refused. */
import { type Source, syntaxError } from "./source.ts";
import type { Part, Word } from "./syntax.ts";

/** `${A-${B-…}}` may be nested so deep; nobody writes more than two. */
const deepestFallback = 16;

const metacharacters = new Set([" ", "\t", "\n", ";", "&", "|", "<", ">", "(", ")"]);
const namePattern = /[A-Za-z_][A-Za-z0-9_]*/y;

export class Scanner {
  /** Offset of the next character. */
  at = 0;
  readonly #text: string;

  constructor(readonly source: Source) {
    this.#text = source.text;
  }

  /** The next character, or "" at the end. */
  peek(ahead = 0): string {
    return this.#text.charAt(this.at + ahead);
  }

  startsWith(text: string): boolean {
    return this.#text.startsWith(text, this.at);
  }

  fail(cause: string, wayOut: string, at = this.at): never {
    throw syntaxError(this.source, at, cause, wayOut);
  }

  /** A variable's name at the present place, which stays where it is. */
  name(): string | undefined {
    namePattern.lastIndex = this.at;
    return namePattern.exec(this.#text)?.[0];
  }

  /** Passes blanks, continued lines and a comment, but not the line's end. */
  skipBlanks(): void {
    for (;;) {
      if (this.peek() === " " || this.peek() === "\t") this.at++;
      else if (this.startsWith("\\\n")) this.at += 2;
      else break;
    }
    if (this.peek() !== "#") return;
    const end = this.#text.indexOf("\n", this.at);
    this.at = end < 0 ? this.#text.length : end;
  }

  /** Passes blanks, comments and line ends. */
  skipLines(): void {
    this.skipBlanks();
    while (this.peek() === "\n") {
      this.at++;
      this.skipBlanks();
    }
  }

  /** The word at the present place: empty (`start === end`) when a separator or an operator stands there. */
  word(): Word {
    return this.#word((character) => metacharacters.has(character), 0);
  }

  #word(ends: (character: string) => boolean, depth: number): Word {
    const parts: Part[] = [];
    const start = this.at;
    for (;;) {
      const character = this.peek();
      if (character === "" || ends(character)) break;
      if (character === "'") this.#singleQuoted(parts);
      else if (character === '"') this.#doubleQuoted(parts, depth);
      else if (character === "\\") this.#escape(parts);
      else if (character === "$") this.#dollar(parts, false, depth);
      else if (character === "`") this.#commandSubstitution();
      else {
        const afterColon = this.#text.charAt(this.at - 1) === ":";
        if (character === "~" && (this.at === start || afterColon)) {
          this.fail("~ is not expanded in a conf file", "write the directory's name");
        }
        addText(parts, character, this.at++, false);
      }
    }
    return { parts, start, end: this.at };
  }

  #singleQuoted(parts: Part[]): void {
    const open = this.at;
    const close = this.#text.indexOf("'", open + 1);
    if (close < 0) this.fail("this quote is never closed", "add the closing '", open);
    addText(parts, this.#text.slice(open + 1, close), open + 1, true);
    this.at = close + 1;
  }

  #doubleQuoted(parts: Part[], depth: number): void {
    const open = this.at++;
    addText(parts, "", this.at, true);
    for (;;) {
      const character = this.peek();
      if (character === "") this.fail("this quote is never closed", 'add the closing "', open);
      if (character === '"') break;
      this.#inDoubleQuotes(parts, character, depth);
    }
    this.at++;
  }

  #inDoubleQuotes(parts: Part[], character: string, depth: number): void {
    if (character === "`") this.#commandSubstitution();
    if (character === "$") this.#dollar(parts, true, depth);
    else if (this.startsWith("\\\n")) this.at += 2;
    else {
      const escaped = character === "\\" && this.peek(1) !== "" && '$`"\\'.includes(this.peek(1));
      if (escaped) this.at++;
      addText(parts, this.peek(), this.at++, true);
    }
  }

  #escape(parts: Part[]): void {
    const escaped = this.peek(1);
    if (escaped === "") this.fail("a backslash ends the file", "remove it");
    if (escaped !== "\n") addText(parts, escaped, this.at + 1, true);
    this.at += 2;
  }

  #commandSubstitution(): never {
    this.fail("a command substitution is not run in a conf file", "write the value itself");
  }

  #dollar(parts: Part[], quoted: boolean, depth: number): void {
    const next = this.peek(1);
    if (next === "(") {
      if (this.peek(2) === "(") this.fail("arithmetic is not done in a conf file", "write the value itself");
      this.#commandSubstitution();
    }
    if (!quoted && (next === "'" || next === '"')) {
      this.fail(`$${next} quotes belong to another shell`, `write ${next} without the $`);
    }
    if (next === "{") {
      parts.push(this.#braced(quoted, depth));
      return;
    }
    if (next !== "" && "0123456789@*#?$!-".includes(next)) {
      this.fail(`$${next} has no value in a conf file`, "write the value itself, or \\$ for a dollar");
    }
    const at = this.at++;
    const name = this.name();
    if (name === undefined) addText(parts, "$", at, quoted);
    else {
      this.at += name.length;
      parts.push({ kind: "variable", name, at, quoted });
    }
  }

  #braced(quoted: boolean, depth: number): Part {
    const at = this.at;
    this.at += 2;
    const name = this.name();
    if (name === undefined) this.fail("no variable's name follows ${", `write \${NAME} or \${NAME:-WORD}`, at);
    this.at += name.length;
    const whenEmpty = this.startsWith(":-");
    if (this.peek() === "}") {
      this.at++;
      return { kind: "variable", name, at, quoted };
    }
    if (!whenEmpty && this.peek() !== "-") {
      this.fail(`of the forms \${…} only two are known here`, `write \${${name}} or \${${name}:-WORD}`, at);
    }
    if (depth >= deepestFallback) this.fail(`\${…} is nested too deep`, "set a variable of its own first", at);
    this.at += whenEmpty ? 2 : 1;
    const word = quoted ? this.#quotedFallback(depth + 1) : this.#word((c) => c === "}" || c === "\n", depth + 1);
    if (this.peek() !== "}") this.fail(`this \${ is never closed`, "add the closing }", at);
    this.at++;
    return { kind: "variable", name, at, quoted, fallback: { word, whenEmpty } };
  }

  /** WORD of `"${NAME:-WORD}"`: the double quotes around it still hold. */
  #quotedFallback(depth: number): Word {
    const parts: Part[] = [];
    const start = this.at;
    for (let character = this.peek(); character !== "}" && character !== ""; character = this.peek()) {
      if (character === '"' || character === "\n") break;
      this.#inDoubleQuotes(parts, character, depth);
    }
    if (this.peek() === '"') this.fail(`quotes within "\${…}" are not read`, "leave the inner quotes out");
    return { parts, start, end: this.at };
  }
}

/** Adds characters that stand at `at` as they are; neighbours become one part. */
function addText(parts: Part[], text: string, at: number, quoted: boolean): void {
  const last = parts.at(-1);
  if (last?.kind === "text" && last.quoted === quoted && last.at + last.text.length === at) {
    parts[parts.length - 1] = { ...last, text: last.text + text };
  } else parts.push({ kind: "text", text, at, quoted });
}

/** The word's text when it is plain: no quotes, no variables. */
export function plain(word: Word): string | undefined {
  if (word.start === word.end) return undefined;
  const [only, ...more] = word.parts;
  return only?.kind === "text" && !only.quoted && more.length === 0 ? only.text : undefined;
}
