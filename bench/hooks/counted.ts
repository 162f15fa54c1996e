/** `counted.ts XID`, in the test machine: from now on open files of that context are counted (the key FILES). */
import { startContextLimit } from "../../src/context/limits.ts";
import { attachFileCounting } from "../../src/context/load.ts";

const limit = { generation: 1n, files: 100_000n, leastNice: undefined, fixedProject: false };
startContextLimit(Number(process.argv[2]), limit);
attachFileCounting();
