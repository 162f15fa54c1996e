/** `vpstree`: pstree in context 1. */
import type { Command } from "./command.ts";
import { viewer } from "./viewer.ts";

export const command: Command = viewer({
  name: "vpstree",
  program: "pstree",
  section: 8,
  shows: "the tree of processes",
});
