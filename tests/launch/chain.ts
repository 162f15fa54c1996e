/** A chain loader that changes nothing: executes the words it is given. */
import { replaceProcess } from "../../src/linux/exec.ts";
import { rawWords } from "../../src/linux/inherited.ts";
import { step } from "../../src/linux/plan/step.ts";

const steps = [
  step("exec", { file: "", arguments: [], append: true }, { object: "chain", attempt: "execute a command" }),
];
replaceProcess("chain", { steps, exitStatus: 255 }, rawWords(process.argv.slice(2)));
