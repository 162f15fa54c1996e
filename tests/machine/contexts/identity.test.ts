/** Neither group nor session of a process of another context is found out; of process 1 everybody knows them. */
import { contextOneDoes, nothingCrosses, processOneGives } from "./directions.ts";

const all = ["getpgid", "getpgid of a thread", "getsid", "32-bit getpgid", "32-bit getsid of a thread"];

nothingCrosses("identity");
contextOneDoes("identity", all);
processOneGives("identity", all);
