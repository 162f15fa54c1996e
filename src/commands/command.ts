/** What every tool is to the dispatcher: its manual, and what it does. */
import { type Arguments, type ParseRules, parseArguments } from "../text/arguments.ts";
import { helpText, type Manual } from "../text/manual.ts";
import { version } from "../version.ts";

export interface Command {
  readonly manual: Manual;
  /** Runs the tool; the result is its exit status. Not called for `--help` and `--version`. */
  run(args: Arguments): Promise<number> | number;
  readonly rules?: ParseRules;
}

/** Parses `argv` (without the tool's name), answers `--help` and `--version`, else runs the command. */
export async function runCommand(command: Command, argv: readonly string[]): Promise<number> {
  const args = parseArguments(command.manual, argv, command.rules);
  if (args.has("--help")) {
    console.log(helpText(command.manual));
    return 0;
  }
  if (args.has("--version")) {
    console.log(`${command.manual.name} (vserver) ${version}`);
    return 0;
  }
  return command.run(args);
}
