/** Prints the names of the tools, one a line; with the word `everybody`, those that ordinary users call. */
import { commands, forEverybody } from "../src/commands/index.ts";

const names = process.argv[2] === "everybody" ? forEverybody : Object.keys(commands);
console.log(names.join("\n"));
