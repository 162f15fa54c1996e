/** `floor.ts OBJECT COMMAND…`, in the test machine: runs a command while every program of the object is attached. */
import { ptr } from "bun:ffi";
import { readFileSync } from "node:fs";
import { attach } from "../../src/context/attach.ts";
import { each, libbpf } from "../../src/context/libbpf.ts";

const [path = "", ...command] = process.argv.slice(2);
const bytes = new Uint8Array(readFileSync(path));
const library = libbpf();
const object = library.bpf_object__open_mem(ptr(bytes), BigInt(bytes.length), null);
if (object === null || library.bpf_object__load(object) !== 0) throw new Error("the empty programs do not load");
for (const program of each(library.bpf_object__next_program, object)) {
  const section = String(library.bpf_program__section_name(program));
  if (attach(program, section, section, new Map()) === null) throw new Error(`${section} cannot be attached`);
}
process.exitCode = Bun.spawnSync(command, { stdio: ["ignore", "inherit", "inherit"] }).exitCode;
