/** `vserver NAME SUBCOMMAND` with options of its own: parsed by its own manual, complained about under its own name. */
import type { ServerName } from "../../server/name.ts";
import { type Arguments, parseArguments } from "../../text/arguments.ts";
import { UsageError } from "../../text/error.ts";
import { helpText, type Manual } from "../../text/manual.ts";

/** Wrong usage of a subcommand is told under the name that was typed. */
export function asTyped<Result>(name: ServerName, word: string, work: () => Result): Result {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof UsageError)
      throw new UsageError(`vserver ${name} ${word}`, thrown.complaint, thrown.exitCode);
    throw thrown;
  }
}

/** @returns undefined when `--help` was asked for and has been given. */
export function subcommandArguments(manual: Manual, name: ServerName, words: readonly string[]): Arguments | undefined {
  const args = asTyped(name, manual.name.replace("vserver-", ""), () => parseArguments(manual, words));
  if (!args.has("--help")) return args;
  console.log(helpText(manual));
  return undefined;
}
