/** Parses a conf file into assignments, `case` and `if`; nothing in it is ever run. */
import { plain, Scanner } from "./scan.ts";
import { type Source, shown } from "./source.ts";
import type { Assignment, Case, If, Statement, Test, Word } from "./syntax.ts";

/** Longest file that is looked at, in characters. */
export const longestFile = 65536;
/** `case` and `if` may be nested so deep. */
const deepestNesting = 32;

const closingWords = new Set(["then", "elif", "else", "fi", "esac", "in", "do", "done", "}"]);

/** What people write for want of a conf file that is data, and what to write instead. */
const instead: Readonly<Record<string, string>> = {
  ".": "copy the assignments of that file here",
  source: "copy the assignments of that file here",
  ulimit: 'write ULIMIT="…" with the same arguments',
  unset: "write NAME= to empty a variable",
  readonly: "write NAME=VALUE",
  declare: "write NAME=VALUE",
  typeset: "write NAME=VALUE",
  local: "write NAME=VALUE",
  for: "write the assignments out",
  while: "write the assignments out",
  until: "write the assignments out",
  select: "write the assignments out",
  function: "write the assignments out",
  "{": "write the assignments out",
  "[": "write if [ … ] ; then … ; fi",
  test: "write if [ … ] ; then … ; fi",
  "[[": "write if [ … ] ; then … ; fi",
};

/**
 * @throws VserverError naming file, line and column, what was found there, and what to write instead.
 */
export function parse(source: Source): readonly Statement[] {
  const scanner = new Scanner(source);
  if (source.text.length > longestFile) {
    scanner.fail(`the file is longer than ${longestFile} characters`, "a conf file holds assignments only");
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const odd = /[\x00-\x08\x0b-\x1f\x7f\ufeff]/.exec(source.text);
  if (odd?.[0] === "\r") scanner.fail("a carriage return", "convert the file with sed -i 's/\\r$//'", odd.index);
  if (odd !== null) scanner.fail("a control character", "remove it", odd.index);
  const parser = new Parser(scanner);
  const statements = parser.statements(0);
  parser.expectEnd();
  return statements;
}

class Parser {
  constructor(readonly scan: Scanner) {}

  /** Reads up to the end, a `;;` or a word that closes something; whoever opened it looks which. */
  statements(depth: number): Statement[] {
    const found: Statement[] = [];
    if (depth > deepestNesting) this.scan.fail("case and if are nested too deep", "write them one after the other");
    for (;;) {
      this.scan.skipLines();
      if (this.scan.peek() === "" || this.scan.startsWith(";;")) return found;
      const closing = this.#closingWord();
      if (closing !== undefined) return found;
      this.#statement(found, depth);
      this.scan.skipBlanks();
      if (this.scan.peek() === ";" && !this.scan.startsWith(";;")) this.scan.at++;
      else if (this.scan.peek() !== "\n" && this.scan.peek() !== "" && this.scan.peek() !== ";") this.#operator();
    }
  }

  expectEnd(): void {
    if (this.scan.peek() === "") return;
    const word = this.scan.startsWith(";;") ? ";;" : (this.#closingWord() ?? "");
    this.scan.fail(`${word} closes nothing here`, "remove it or add what it belongs to");
  }

  #statement(found: Statement[], depth: number): void {
    const start = this.scan.at;
    const first = this.#assignment();
    if (first !== undefined) {
      this.#assignments(found, first);
      return;
    }
    const word = this.scan.word();
    if (word.start === word.end) this.#operator();
    switch (plain(word)) {
      case "case":
        found.push(this.#case(start, depth));
        return;
      case "if":
        found.push(this.#if(start, depth));
        return;
      case "export":
        this.#export(found);
        return;
      case ":":
        return;
      default:
        this.#command(word);
    }
  }

  /** `A=1 B=2`: all are assignments, and a command after them is refused. */
  #assignments(found: Statement[], first: Assignment): void {
    for (let next: Assignment | undefined = first; next !== undefined; next = this.#assignment()) {
      found.push(next);
      this.scan.skipBlanks();
    }
    const word = this.scan.word();
    if (word.start !== word.end) {
      const wayOut = `put the value in quotes: ${first.name}="…"`;
      this.scan.fail("a command is not run in a conf file", wayOut, word.start);
    }
  }

  #export(found: Statement[]): void {
    for (let names = 0; ; names++) {
      this.scan.skipBlanks();
      const assignment = this.#assignment();
      if (assignment !== undefined) {
        found.push(assignment);
        continue;
      }
      const word = this.scan.word();
      if (word.start === word.end && names > 0) return;
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(plain(word) ?? "")) {
        this.scan.fail("export wants names", "write export NAME=VALUE", word.start);
      }
    }
  }

  #assignment(): Assignment | undefined {
    const start = this.scan.at;
    const name = this.scan.name();
    if (name === undefined) return undefined;
    const next = this.scan.peek(name.length);
    if (next === "[" && this.scan.peek(name.length + 1) !== "") {
      this.scan.fail("arrays are not known here", `write ${name}="ONE TWO"`);
    }
    if (next === "+" && this.scan.peek(name.length + 1) === "=") {
      this.scan.fail("+= is not known here", `write ${name}="$${name} MORE"`);
    }
    if (next !== "=") return undefined;
    this.scan.at += name.length + 1;
    if (this.scan.peek() === "(") this.scan.fail("arrays are not known here", `write ${name}="ONE TWO"`);
    return { kind: "assignment", name, value: this.scan.word(), start };
  }

  #case(start: number, depth: number): Case {
    this.scan.skipBlanks();
    const subject = this.scan.word();
    if (subject.start === subject.end) this.scan.fail("case has nothing to choose by", "write case $PROFILE in");
    this.scan.skipLines();
    this.#keyword("in", start, "case");
    const arms: { patterns: Word[]; body: Statement[] }[] = [];
    for (;;) {
      this.scan.skipLines();
      if (this.#closingWord() === "esac") break;
      if (this.scan.peek() === "") this.scan.fail("this case is never closed", "add esac", start);
      const patterns = this.#patterns();
      arms.push({ patterns, body: this.statements(depth + 1) });
      if (this.scan.startsWith(";;&")) this.scan.fail(";;& belongs to another shell", "end the branch with ;;");
      if (this.scan.startsWith(";;")) this.scan.at += 2;
      else if (this.#closingWord() !== "esac") this.scan.fail("this branch is never closed", "add ;; before it");
    }
    this.scan.at += "esac".length;
    return { kind: "case", subject, arms, start };
  }

  #patterns(): Word[] {
    const patterns: Word[] = [];
    if (this.scan.peek() === "(") this.scan.at++;
    for (;;) {
      this.scan.skipBlanks();
      const pattern = this.scan.word();
      if (pattern.start === pattern.end) this.scan.fail("a branch needs a pattern", "write NAME) or *)");
      for (const part of pattern.parts) {
        const set = part.kind === "text" && !part.quoted ? part.text.indexOf("[") : -1;
        if (set >= 0) this.scan.fail("[…] patterns are not known here", "write the choices as a|b", part.at + set);
      }
      patterns.push(pattern);
      this.scan.skipBlanks();
      if (this.scan.peek() === ")") break;
      if (this.scan.peek() !== "|") this.scan.fail("no ) follows the pattern", "write PATTERN)");
      this.scan.at++;
    }
    this.scan.at++;
    return patterns;
  }

  #if(start: number, depth: number): If {
    const arms: { test: Test; body: Statement[] }[] = [];
    let otherwise: Statement[] = [];
    for (;;) {
      const test = this.#test();
      this.scan.skipBlanks();
      if (this.scan.peek() === ";") this.scan.at++;
      this.scan.skipLines();
      this.#keyword("then", start, "if");
      arms.push({ test, body: this.#branchOfIf(depth) });
      if (this.#closingWord() !== "elif") break;
      this.scan.at += "elif".length;
    }
    if (this.#closingWord() === "else") {
      this.scan.at += "else".length;
      otherwise = this.#branchOfIf(depth);
    }
    this.#keyword("fi", start, "if");
    return { kind: "if", arms, otherwise, start };
  }

  /** A shell wants at least one command in it. */
  #branchOfIf(depth: number): Statement[] {
    this.scan.skipLines();
    if (this.#closingWord() !== undefined) this.scan.fail("nothing stands in this branch of if", "write : in it");
    return this.statements(depth + 1);
  }

  #test(): Test {
    this.scan.skipBlanks();
    const start = this.scan.at;
    const wayOut = 'write [ "$NAME" = VALUE ], [ "$NAME" != VALUE ], [ -z "$NAME" ] or [ -n "$NAME" ]';
    const opening = plain(this.scan.word());
    if (opening !== "[" && opening !== "test") this.scan.fail("if runs no commands here", wayOut, start);
    const words: Word[] = [];
    for (;;) {
      this.scan.skipBlanks();
      const word = this.scan.word();
      if (word.start === word.end) {
        if (opening === "[") this.scan.fail("this test is never closed", "add a blank and ]");
        break;
      }
      if (opening === "[" && plain(word) === "]") break;
      words.push(word);
    }
    const first = words[0];
    const inverted = first !== undefined && plain(first) === "!";
    const [left, middle, right, ...more] = inverted ? words.slice(1) : words;
    if (left !== undefined && middle !== undefined && more.length === 0) {
      const operator = plain(right === undefined ? left : middle);
      const empty: Word = { parts: [], start: middle.end, end: middle.end };
      if (right === undefined && (operator === "-z" || operator === "-n")) {
        return { left: middle, right: empty, equal: (operator === "-z") !== inverted };
      }
      if (right !== undefined && (operator === "=" || operator === "==" || operator === "!=")) {
        return { left, right, equal: (operator !== "!=") !== inverted };
      }
    }
    return this.scan.fail("this test is not known here", wayOut, start);
  }

  /** The word at the present place that ends a list of statements; the place stays. */
  #closingWord(): string | undefined {
    const start = this.scan.at;
    if (!/[a-z}]/.test(this.scan.peek())) return undefined;
    const end = plain(this.#lookAhead());
    this.scan.at = start;
    return end !== undefined && closingWords.has(end) ? end : undefined;
  }

  /** A word of small letters only: nothing in it can be refused. */
  #lookAhead(): Word {
    const start = this.scan.at;
    while (/[a-z}]/.test(this.scan.peek())) this.scan.at++;
    const text = this.scan.source.text.slice(start, this.scan.at);
    const ended = this.scan.peek() === "" || /[\s;&|<>()]/.test(this.scan.peek());
    return { parts: ended ? [{ kind: "text", text, at: start, quoted: false }] : [], start, end: this.scan.at };
  }

  #keyword(keyword: string, start: number, opened: string): void {
    const found = this.scan.word();
    if (plain(found) === keyword) return;
    this.scan.at = found.start;
    if (this.scan.peek() === "") this.scan.fail(`this ${opened} has no ${keyword}`, `add ${keyword}`, start);
    this.scan.fail(`${keyword} was expected here`, `the ${opened} before it needs one`);
  }

  #command(word: Word): never {
    const text = plain(word) ?? "";
    const { file } = this.scan.source;
    if (closingWords.has(text)) this.scan.fail(`${text} closes nothing here`, "remove it", word.start);
    if (this.scan.peek() === "(")
      this.scan.fail("functions are not known here", "write the assignments out", word.start);
    const hook = file.endsWith(".conf") ? `${file.slice(0, -".conf".length)}.sh` : undefined;
    const general = hook === undefined ? "write NAME=VALUE" : `write NAME=VALUE, or run it from ${hook}`;
    const raw = this.scan.source.text.slice(word.start, word.end);
    this.scan.fail(`the command ${shown(raw)} is not run in a conf file`, instead[text] ?? general, word.start);
  }

  #operator(): never {
    const operator = this.scan.peek();
    if (operator === "|" && this.scan.peek(1) !== "|") {
      this.scan.fail("a pipe is not run in a conf file", "write the value itself");
    }
    if (operator === "<" || operator === ">") {
      this.scan.fail("a redirection is not done in a conf file", "put the value in quotes if it is part of it");
    }
    if (operator === "&" || operator === "|") {
      this.scan.fail("command lists with & and | are not known here", "write if [ … ] ; then … ; fi");
    }
    if (operator === "(" || operator === ")") {
      this.scan.fail(`${operator} has no meaning here`, "put the value in quotes if it is part of it");
    }
    if (operator === ";") this.scan.fail("nothing stands before ;", "remove it");
    this.scan.fail("a new statement begins on the same line", "write it on a line of its own");
  }
}
