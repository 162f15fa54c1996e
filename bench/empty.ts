/** Programs that do nothing: no program on the same hooks can cost less. */
import { join } from "node:path";
import { buildDirectory, output } from "./process.ts";

/** C of an object with a program in each section. An LSM program lets pass with 0, the others with 1. */
function source(sections: readonly string[]): string {
  const programs = sections.map(
    (section, at) => `SEC("${section}") int p${at}(void *c) { return ${section.startsWith("lsm/") ? 0 : 1}; }`,
  );
  const head = ["#include <linux/bpf.h>", "#include <bpf/bpf_helpers.h>"];
  return [...head, ...programs, 'char LICENSE[] SEC("license") = "GPL";', ""].join("\n");
}

/** Builds `NAME.bpf.o` beside the bench's other programs. */
export async function buildEmptyPrograms(name: string, sections: readonly string[]): Promise<void> {
  const [from, to] = [join(buildDirectory, `${name}.bpf.c`), join(buildDirectory, `${name}.bpf.o`)];
  await Bun.write(from, source(sections));
  const include = (await output(["cc", "-print-multiarch"], { seconds: 5 })).trim();
  const clang = ["clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror"];
  await output([...clang, "-idirafter", `/usr/include/${include}`, "-c", from, "-o", to], { seconds: 60 });
}
