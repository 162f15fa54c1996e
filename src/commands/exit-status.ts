/** vserver-exit-status(7): what the exit status of each tool and subcommand means, from the manuals of all of them. */
import type { Manual } from "../text/manual.ts";

/** What holds for all of them. */
const common = [
  "Each tool says on standard error, in one line, why it does not end with 0. Beside what stands below:",
  "  69    the kernel or the machine lacks something; vkernel check says what",
  "  70    a mistake of ours; please report it",
  "  128+N the tool was ended by signal N, or the command that it ran",
  "Tools that become another program (chcontext, chbind, reducecap, vexec, vserver NAME exec) end with its status, and keep 255 or 1 for their own failures, wrong usage included.",
];

/** The page's name and section by its name. */
const title = ({ name, section }: Manual): string => `${name}(${section})`;

export function exitStatusPage(manuals: readonly Manual[]): Manual {
  const told = manuals
    .filter(({ exits }) => exits.length > 0)
    .toSorted((one, other) => (title(one) < title(other) ? -1 : 1));
  const widest = Math.max(...told.flatMap(({ exits }) => exits.map(([status]) => status.length)));
  return {
    name: "vserver-exit-status",
    section: 7,
    summary: "exit statuses of all tools of vserver",
    synopsis: [],
    description: common,
    options: [],
    sections: told.map((manual) => ({
      title: title(manual),
      paragraphs: manual.exits.map(([status, meaning]) => `  ${status.padEnd(widest + 2)}${meaning}`),
    })),
    exits: [],
    seeAlso: told.map(title),
  };
}
