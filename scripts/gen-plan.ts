/** Writes the C header of src/linux/plan/ops.ts to standard output. */
import * as plan from "../src/linux/plan/ops.ts";

const define = (name: string, value: string | number) => `#define PLAN_${name} ${value}`;
const table = plan.operationNames.map((name, number) => {
  const signature = Object.values(plan.operations[name]).join("");
  return `\tX(${number}, ${name}, "${signature}")`;
});
const widest = Math.max(...Object.values(plan.operations).map((list) => Object.keys(list).length));
const failures = Object.entries(plan.planFailures).map(
  ([name, failure]) => `\tX(${failure.number}, PLAN_${name}, ${JSON.stringify(failure.words)})`,
);
console.log(
  [
    "/* Generated from src/linux/plan/ops.ts. */",
    "#ifndef VSERVER_PLAN_OPS_H",
    "#define VSERVER_PLAN_OPS_H",
    define("MAGIC", `0x${plan.planMagic.toString(16)}u`),
    define("VERSION", plan.planVersion),
    define("LIMIT", plan.planLimit),
    define("MAX_ARGUMENTS", widest),
    ...Object.entries(plan.stepFlags).map(([name, value]) => define(name, value)),
    `#define PLAN_FAILURES(X) \\\n${failures.join(" \\\n")}`,
    `#define PLAN_OPERATIONS(X) \\\n${table.join(" \\\n")}`,
    "#endif",
  ].join("\n"),
);
