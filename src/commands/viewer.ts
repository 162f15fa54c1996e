/** A command that becomes a program of the system, run in context 1, where it sees the processes of all contexts. */
import { becomeInSpectator } from "../context/spectator.ts";
import { rawWords } from "../linux/inherited.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

/** Our own failures, as those of chcontext. */
const ownFailure = 255;

export interface Viewer {
  readonly name: string;
  readonly program: string;
  readonly section: Manual["section"];
  /** What the program shows, after "show". */
  readonly shows: string;
}

export function viewer({ name, program, section, shows }: Viewer): Command {
  const manual: Manual = {
    name,
    section,
    summary: `show ${shows} of all contexts`,
    synopsis: [`${name} [options of ${program}]`],
    description: [
      `Runs ${program} in context 1, which sees every process and can touch none. All words but the two options below go to ${program}. Root of the main server only.`,
    ],
    options: [],
    exits: [
      ["255", `${program} could not be started in context 1`],
      ["other", `the exit status of ${program}`],
    ],
    seeAlso: [`${program}(1)`, "vps(8)", "vkill(8)", "chcontext(8)"],
  };
  return {
    manual,
    rules: { foreignOptions: true, usageExit: ownFailure },
    run: (args) =>
      becomeInSpectator(name, { file: program, arguments: [program], words: rawWords(args.words) }, ownFailure),
  };
}
