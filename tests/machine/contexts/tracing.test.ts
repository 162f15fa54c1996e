/** No process of another context is traced, read, rewritten, measured, or relieved of its descriptors. */
import { contextOneDoes, nothingCrosses, processOneGives } from "./directions.ts";

nothingCrosses("tracing");
contextOneDoes("tracing", []);
processOneGives("tracing", []);
