/** What a conf file consists of, before any value is known. Offsets count from the start of the text. */

/** A piece of a word. Quoted pieces match themselves in a `case` pattern. */
export type Part =
  | { readonly kind: "text"; readonly text: string; readonly at: number; readonly quoted: boolean }
  | {
      readonly kind: "variable";
      readonly name: string;
      readonly at: number;
      readonly quoted: boolean;
      /** `${NAME-WORD}` and, with `whenEmpty`, `${NAME:-WORD}`. */
      readonly fallback?: { readonly word: Word; readonly whenEmpty: boolean };
    };

export interface Word {
  readonly parts: readonly Part[];
  readonly start: number;
  readonly end: number;
}

export interface Assignment {
  readonly kind: "assignment";
  readonly name: string;
  readonly value: Word;
  /** Offset of the name. */
  readonly start: number;
}

export interface Case {
  readonly kind: "case";
  readonly subject: Word;
  readonly arms: readonly { readonly patterns: readonly Word[]; readonly body: readonly Statement[] }[];
  readonly start: number;
}

export interface If {
  readonly kind: "if";
  readonly arms: readonly { readonly test: Test; readonly body: readonly Statement[] }[];
  readonly otherwise: readonly Statement[];
  readonly start: number;
}

/** `[ LEFT = RIGHT ]` and `[ LEFT != RIGHT ]`; `[ -z WORD ]` and `[ -n WORD ]` compare with the empty word. */
export interface Test {
  readonly left: Word;
  readonly right: Word;
  readonly equal: boolean;
}

export type Statement = Assignment | Case | If;

/** Visits every assignment, whichever branch it stands in. */
export function* assignments(statements: readonly Statement[]): Generator<Assignment> {
  for (const statement of statements) {
    if (statement.kind === "assignment") yield statement;
    else {
      for (const arm of statement.arms) yield* assignments(arm.body);
      if (statement.kind === "if") yield* assignments(statement.otherwise);
    }
  }
}

function* wordReferences(word: Word): Generator<string> {
  for (const part of word.parts) {
    if (part.kind === "text") continue;
    yield part.name;
    if (part.fallback !== undefined) yield* wordReferences(part.fallback.word);
  }
}

/** Visits the name of every variable that is used, whichever branch that is in. */
export function* references(statements: readonly Statement[]): Generator<string> {
  for (const statement of statements) {
    if (statement.kind === "assignment") {
      yield* wordReferences(statement.value);
      continue;
    }
    if (statement.kind === "case") {
      yield* wordReferences(statement.subject);
      for (const arm of statement.arms) for (const pattern of arm.patterns) yield* wordReferences(pattern);
    } else {
      for (const { test } of statement.arms) {
        yield* wordReferences(test.left);
        yield* wordReferences(test.right);
      }
      yield* references(statement.otherwise);
    }
    for (const arm of statement.arms) yield* references(arm.body);
  }
}
