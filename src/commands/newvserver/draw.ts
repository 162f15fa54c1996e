/** Draws questions on a terminal of 80 columns: what is wrong shows while it is typed, Escape goes back, ^C gives up. */
import { isCancel, type Prompt, SelectPrompt, TextPrompt } from "@clack/core";
import { type Answers, type Question, type Surroundings, somethingElse } from "../../server/newserver/questions.ts";
import { paint } from "../../text/colour.ts";

export type Reply =
  | { readonly kind: "answer"; readonly text: string }
  | { readonly kind: "back" }
  | { readonly kind: "quit" };

const bold = (text: string) => paint("bold", text);
const dim = (text: string) => paint("dim", text);
const red = (text: string) => paint("red", text);
const width = 78;
const cut = (line: string): string => (line.length > width ? `${line.slice(0, width - 1)}…` : line);

const keysHelp = "Enter: go on · Escape: back · ^C: give up";

/** A cancelled prompt was left by Escape or by ^C. */
async function reply(prompt: Prompt<string>): Promise<Reply> {
  let back = false;
  prompt.on("key", (_, info) => {
    back = info?.name === "escape";
  });
  const value = await prompt.prompt();
  if (!isCancel(value)) return { kind: "answer", text: value ?? "" };
  return back ? { kind: "back" } : { kind: "quit" };
}

function write(question: Question, initial: string, answers: Answers, around: Surroundings): Promise<Reply> {
  const check = (text: string | undefined) => question.wrong((text ?? "").trim(), answers, around);
  const prompt = new TextPrompt({
    initialUserInput: initial,
    validate: check,
    render() {
      const wrong = check(this.userInput);
      if (this.state === "submit") return `${question.label}: ${this.userInput}`;
      return [
        bold(question.label),
        `> ${this.userInputWithCursor}`,
        // Nothing typed yet is no mistake.
        wrong !== undefined && this.userInput !== "" ? red(cut(wrong)) : dim(cut(question.about)),
        dim(keysHelp),
      ].join("\n");
    },
  });
  return reply(prompt);
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export function choose(label: string, choices: readonly Choice[], initial: string): Promise<Reply> {
  const prompt = new SelectPrompt({
    options: [...choices],
    initialValue: initial,
    render() {
      if (this.state === "submit") return `${label}: ${choices[this.cursor]?.label ?? ""}`;
      const lines = choices.map((choice, at) =>
        at === this.cursor ? bold(`> ${cut(choice.label)}`) : `  ${cut(choice.label)}`,
      );
      return [bold(label), ...lines, dim(keysHelp)].join("\n");
    },
  });
  return reply(prompt);
}

/** @param initial what stands there already and only has to be confirmed */
export async function askQuestion(
  question: Question,
  initial: string,
  answers: Answers,
  around: Surroundings,
): Promise<Reply> {
  const choices = question.choices?.(around);
  if (choices === undefined || !choices.some(({ value }) => value === initial)) {
    return write(question, initial, answers, around);
  }
  const chosen = await choose(question.label, choices, initial);
  const written = chosen.kind === "answer" && chosen.text === somethingElse;
  return written ? write(question, "", answers, around) : chosen;
}
