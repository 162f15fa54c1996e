/** `empty.ts OBJECT GROUP`: gives a control group's packets the object's programs, until it is ended. */
import { ptr } from "bun:ffi";
import { openSync, readFileSync } from "node:fs";
import { each, libbpf } from "../../src/context/libbpf.ts";

const [path = "", group = ""] = process.argv.slice(2);
const bytes = new Uint8Array(readFileSync(path));
const library = libbpf();
const object = library.bpf_object__open_mem(ptr(bytes), BigInt(bytes.length), null);
if (object === null || library.bpf_object__load(object) !== 0) throw new Error("the empty programs do not load");
const descriptor = openSync(group, "r");
for (const program of each(library.bpf_object__next_program, object)) {
  if (library.bpf_program__attach_cgroup(program, descriptor) === null) throw new Error(`${group} takes no program`);
}
console.log("attached");
await Bun.sleep(2 ** 31 - 1);
