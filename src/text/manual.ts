/** What a tool is, said once: its `--help`, its man page and its option parser are made from the same value. */

export interface OptionSpec {
  /** Spelling with its dashes: `--ctx`. */
  readonly flag: string;
  /** Other spellings: `--xid`, `-c`. */
  readonly aliases?: readonly string[];
  /** Name of the value it takes; without it the option is a switch. */
  readonly value?: string;
  /** May be given more than once. */
  readonly repeat?: boolean;
  readonly about: string;
}

export interface Manual {
  readonly name: string;
  /** Man page section: 1 for everybody, 5 for file formats, 7 for what holds for all, 8 for administrators. */
  readonly section: 1 | 5 | 7 | 8;
  /** One line, no full stop. */
  readonly summary: string;
  /** Command lines without the tool's name repeated in prose: `chcontext [options] COMMAND [ARG…]`. */
  readonly synopsis: readonly string[];
  /** Paragraphs. A paragraph that starts with two spaces is set as it stands. */
  readonly description: readonly string[];
  readonly options: readonly OptionSpec[];
  /** Exit statuses and what they mean. */
  readonly exits: readonly (readonly [status: string, meaning: string])[];
  readonly examples?: readonly { readonly command: string; readonly about: string }[];
  readonly seeAlso?: readonly string[];
  /** Further headed sections, in order. */
  readonly sections?: readonly { readonly title: string; readonly paragraphs: readonly string[] }[];
}

/** Options every tool has. */
export const commonOptions: readonly OptionSpec[] = [
  { flag: "--help", about: "print this text" },
  { flag: "--version", about: "print the version" },
];

function spelling(option: OptionSpec): string {
  const names = [option.flag, ...(option.aliases ?? [])].join(", ");
  return option.value === undefined ? names : `${names} ${option.value}`;
}

function wrap(text: string, width: number, indent: string): string {
  if (text.startsWith("  ")) return indent + text;
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width - indent.length) {
      lines.push(indent + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  if (line !== "") lines.push(indent + line);
  return lines.join("\n");
}

/** The text of `--help`, at most 80 columns. */
export function helpText(manual: Manual): string {
  const options = [...manual.options, ...commonOptions];
  const column = Math.min(28, Math.max(...options.map((option) => spelling(option).length)) + 4);
  const rows = options.map((option) => {
    const about = wrap(option.about, 80, " ".repeat(column)).trimStart();
    const left = `  ${spelling(option)}`;
    return left.length < column ? left.padEnd(column) + about : `${left}\n${" ".repeat(column)}${about}`;
  });
  const parts = [
    `${manual.name}: ${manual.summary}`,
    manual.synopsis.map((line, at) => `${at === 0 ? "usage: " : "       "}${line}`).join("\n"),
    manual.description.map((paragraph) => wrap(paragraph, 80, "")).join("\n\n"),
    `Options:\n${rows.join("\n")}`,
    ...(manual.sections ?? []).map(
      (section) => `${section.title}:\n${section.paragraphs.map((text) => wrap(text, 80, "  ")).join("\n")}`,
    ),
    `Exit status:\n${manual.exits.map(([status, meaning]) => wrap(`${status}: ${meaning}`, 80, "  ")).join("\n")}`,
  ];
  if (manual.examples?.length) {
    parts.push(`Examples:\n${manual.examples.map((one) => `  ${one.command}\n      ${one.about}`).join("\n")}`);
  }
  return parts.filter((part) => part !== "").join("\n\n");
}

const roffText = (text: string): string =>
  text
    .replace(/\\/g, "\\e")
    .replace(/-/g, "\\-")
    .replace(/…/g, "...")
    .replace(/^([.'])/gm, "\\&$1");

function roffParagraph(text: string): string {
  return text.startsWith("  ") ? `.PP\n.nf\n.RS\n${roffText(text.trim())}\n.RE\n.fi` : `.PP\n${roffText(text)}`;
}

/** The man page in roff. */
export function manPage(manual: Manual, version: string): string {
  const out = [`.TH "${manual.name.toUpperCase()}" ${manual.section} "" "vserver ${version}" "vserver"`];
  out.push(".SH NAME", `${roffText(manual.name)} \\- ${roffText(manual.summary)}`);
  if (manual.synopsis.length > 0) {
    out.push(".SH SYNOPSIS", ".nf", ...manual.synopsis.map((line) => `.B ${roffText(line)}`), ".fi");
  }
  out.push(".SH DESCRIPTION", ...manual.description.map(roffParagraph));
  if (manual.section === 1 || manual.section === 8) {
    out.push(".SH OPTIONS");
    for (const option of [...manual.options, ...commonOptions]) {
      out.push(".TP", `.B ${roffText(spelling(option))}`, roffText(option.about));
    }
  }
  for (const section of manual.sections ?? []) {
    out.push(`.SH "${roffText(section.title.toUpperCase())}"`, ...section.paragraphs.map(roffParagraph));
  }
  if (manual.exits.length > 0) out.push(".SH EXIT STATUS");
  for (const [status, meaning] of manual.exits) out.push(".TP", `.B ${roffText(status)}`, roffText(meaning));
  if (manual.examples?.length) {
    out.push(".SH EXAMPLES");
    for (const one of manual.examples) out.push(".TP", `.B ${roffText(one.command)}`, roffText(one.about));
  }
  if (manual.seeAlso?.length) out.push(".SH SEE ALSO", roffText(manual.seeAlso.join(", ")));
  return `${out.join("\n")}\n`;
}
