/** No process of another context has its limits, its priority, its scheduling or its processors read or changed. */
import { contextOneDoes, nothingCrosses, processOneGives } from "./directions.ts";

const reading = [
  ...["sched_getscheduler", "sched_getparam of a thread", "sched_getattr", "sched_rr_get_interval"],
  ...["sched_getaffinity", "32-bit sched_getaffinity", "ioprio_get"],
];
const limits = ["prlimit reading", "prlimit reading of a thread", "32-bit prlimit reading"];

nothingCrosses("limits");
contextOneDoes("limits", [...reading, ...limits, "ioprio_get of a group"]);
processOneGives("limits", reading);
