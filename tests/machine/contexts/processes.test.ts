/** /proc/PID of another context cannot be opened, read, listed, stat'ed, followed or watched. */
import { contextOneDoes, nothingCrosses, processOneGives } from "./directions.ts";

const read = [
  ...["stat of the directory", "list", "list threads", "stat", "open stat", "open status", "open cmdline"],
  ...["open comm of a thread", "open stat of a thread", "open by a thread's number", "32-bit open", "32-bit stat"],
];
const privileged = [
  ...["open limits", "open cgroup", "open mountinfo", "open net", "open environ", "open maps", "open io", "open auxv"],
  ...["open pagemap", "open syscall", "open fdinfo", "list descriptors", "list descriptors of a thread", "lstat exe"],
  ...["readlink exe", "readlink cwd", "readlink fd", "readlink ns", "stat root", "stat fd", "stat ns", "watch"],
];

nothingCrosses("processes");
contextOneDoes("processes", [...read, ...privileged]);
processOneGives("processes", [...read, "lstat exe"]);

nothingCrosses("ring");
contextOneDoes("ring", [
  ...["openat", "openat in a worker", "openat in a poller"],
  ...["statx", "statx in a worker", "statx in a poller"],
]);
