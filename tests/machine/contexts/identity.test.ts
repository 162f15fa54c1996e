/** Neither group, session nor capabilities of a process of another context are found out; of process 1 everybody knows them. */
import { contextOneDoes, nothingCrosses, processOneGives } from "./directions.ts";

const all = [
  ...["getpgid", "getpgid of a thread", "getsid", "capget", "capget of a thread"],
  ...["32-bit getpgid", "32-bit getsid of a thread", "32-bit capget"],
];

nothingCrosses("identity");
contextOneDoes("identity", all);
processOneGives("identity", all);
