/** Memory and swap: the control group is charged for page cache, kernel objects and socket buffers as well. */
import { numberFile } from "./resource.ts";

export const memory = numberFile({
  key: "MEMORY",
  controller: "memory",
  file: "memory.max",
  current: "memory.current",
  events: ["memory.events", "max"],
});

export const memoryHigh = numberFile({
  key: "MEMORY_HIGH",
  controller: "memory",
  file: "memory.high",
  current: "memory.current",
  events: ["memory.events", "high"],
});

export const swap = numberFile({
  key: "SWAP",
  controller: "memory",
  file: "memory.swap.max",
  current: "memory.swap.current",
  events: ["memory.swap.events", "max"],
});
