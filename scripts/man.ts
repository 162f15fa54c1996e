/** Writes the man pages of all tools into a directory: `man.ts build/man`. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { exitStatusPage } from "../src/commands/exit-status.ts";
import { commands } from "../src/commands/index.ts";
import { pages } from "../src/commands/pages.ts";
import { type Manual, manPage } from "../src/text/manual.ts";
import { version } from "../src/version.ts";

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error("usage: man.ts DIRECTORY");
mkdirSync(directory, { recursive: true });
const manuals: Manual[] = [...pages];
for (const load of Object.values(commands)) manuals.push((await load()).command.manual);
for (const manual of [...manuals, exitStatusPage(manuals)]) {
  await Bun.write(join(directory, `${manual.name}.${manual.section}`), manPage(manual, version));
}
