/** Writes the completions of one shell for all tools: `completions.ts bash >FILE`. */
import { join } from "node:path";
import { completedTools } from "../src/commands/complete.ts";

const [shell = ""] = process.argv.slice(2);
const text = await Bun.file(join(import.meta.dir, "../completions", shell)).text();
process.stdout.write(text.replaceAll("@TOOLS@", completedTools().join(" ")));
