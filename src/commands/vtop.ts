/** `vtop`: top in context 1. */
import type { Command } from "./command.ts";
import { viewer } from "./viewer.ts";

export const command: Command = viewer({ name: "vtop", program: "top", section: 8, shows: "the busiest processes" });
