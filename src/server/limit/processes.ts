/** Processes and threads of the whole server together, of all its users, entered ones included. */
import { numberFile } from "./resource.ts";

export const processes = numberFile({
  key: "NPROC",
  controller: "pids",
  file: "pids.max",
  current: "pids.current",
  events: ["pids.events", "max"],
});
