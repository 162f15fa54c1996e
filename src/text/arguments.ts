/** Command lines are parsed once, at the edge, by the same table that prints `--help`. */
import { UsageError } from "./error.ts";
import { commonOptions, type Manual, type OptionSpec } from "./manual.ts";

export interface Arguments {
  /** Whether a switch (or an option with a value) was given. */
  has(flag: string): boolean;
  /** The last value given for an option. */
  value(flag: string): string | undefined;
  /** All values given for an option, in order. */
  values(flag: string): readonly string[];
  /** The words that are not options. */
  readonly words: readonly string[];
  /** Those of the words that stand behind `--`; undefined without it. */
  readonly rest: readonly string[] | undefined;
}

export interface ParseRules {
  /** Stop at the first word that is not an option: what follows is another command line. */
  readonly stopAtWord?: boolean;
  /** Options the manual does not name belong to another program: they are words, in their place. */
  readonly foreignOptions?: boolean;
  /** Exit status for wrong usage; the tools of 2003 say 255. */
  readonly usageExit?: number;
}

/** The switches of one letter that a word stands for all at once; undefined when one of them is unknown or wants a value. */
function switchesOf(word: string, specs: ReadonlyMap<string, OptionSpec>): readonly string[] | undefined {
  if (!/^-[A-Za-z]{2,}$/.test(word)) return undefined;
  const switches = Array.from(word.slice(1), (letter) => `-${letter}`);
  const isSwitch = (one: string) => specs.has(one) && specs.get(one)?.value === undefined;
  return switches.every(isSwitch) ? switches : undefined;
}

/**
 * Parses a command line (without the tool's own name) by the manual's options. `--` ends the options; `--opt=value` and
 * `--opt value` mean the same, and so do `-Rx` and `-R -x`.
 *
 * @throws UsageError for an unknown option, a missing value, a value nobody asked for, an option given twice.
 */
export function parseArguments(manual: Manual, line: readonly string[], rules: ParseRules = {}): Arguments {
  const argv = [...line];
  const specs = new Map<string, OptionSpec>();
  for (const option of [...manual.options, ...commonOptions]) {
    for (const spelling of [option.flag, ...(option.aliases ?? [])]) specs.set(spelling, option);
  }
  const complain = (text: string) => new UsageError(manual.name, text, rules.usageExit ?? 2);
  const found = new Map<string, string[]>();
  const words: string[] = [];
  let rest: readonly string[] | undefined;
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "--") {
      rest = Object.freeze(argv.slice(at + 1));
      words.push(...rest);
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      if (rules.stopAtWord) {
        words.push(...argv.slice(at));
        break;
      }
      words.push(word);
      continue;
    }
    const equals = word.startsWith("--") ? word.indexOf("=") : -1;
    const name = equals < 0 ? word : word.slice(0, equals);
    const spec = specs.get(name);
    if (spec === undefined && rules.foreignOptions) {
      words.push(word);
      continue;
    }
    if (spec === undefined) {
      const switches = switchesOf(word, specs);
      if (switches === undefined) throw complain(`unknown option ${name}`);
      argv.splice(at--, 1, ...switches);
      continue;
    }
    const given = found.get(spec.flag);
    if (given !== undefined && spec.repeat !== true && spec.value !== undefined) throw complain(`${name} given twice`);
    let value = "";
    if (spec.value !== undefined) {
      if (equals >= 0) value = word.slice(equals + 1);
      else {
        const next = argv[++at];
        if (next === undefined) throw complain(`${name} needs a value (${spec.value})`);
        value = next;
      }
    } else if (equals >= 0) throw complain(`${name} takes no value`);
    if (given === undefined) found.set(spec.flag, [value]);
    else given.push(value);
  }
  return Object.freeze({
    has: (flag: string) => found.has(flag),
    value: (flag: string) => found.get(flag)?.at(-1),
    values: (flag: string) => found.get(flag) ?? [],
    words: Object.freeze(words),
    rest,
  });
}
