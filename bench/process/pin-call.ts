/**
 * Pins the real context call on a kernel whose security modules do not ask BPF, so that the time a chain loader takes can
 * be measured there: the caller gets its context, but no hook enforces anything. Only for the bench.
 */
import { dlopen, ptr } from "bun:ffi";
import { chmodSync, mkdirSync } from "node:fs";
import { pinDirectory } from "../../src/context/abi.ts";
import { callPath } from "../../src/context/call.ts";
import { each, type Handle, libbpf } from "../../src/context/libbpf.ts";
import { kernelObject } from "../../src/context/object.ts";
import { ensureBpfDirectory } from "../../src/context/rundir.ts";

const bytes = kernelObject();
const library = libbpf();
const { bpf_program__set_autoload: setAutoload } = dlopen("libbpf.so.1", {
  bpf_program__set_autoload: { args: ["ptr", "bool"], returns: "i32" },
} as const).symbols;

const object = library.bpf_object__open_mem(ptr(bytes), BigInt(bytes.length), null);
if (object === null) throw new Error("the kernel half cannot be read");
const programs = [...each(library.bpf_object__next_program, object)];
const isCall = (program: Handle) => String(library.bpf_program__section_name(program)) === "syscall";
for (const program of programs) setAutoload(program, isCall(program));
if (library.bpf_object__load(object) !== 0) throw new Error("the call does not load");
ensureBpfDirectory();
mkdirSync(pinDirectory, { mode: 0o711 });
for (const program of programs.filter(isCall)) {
  if (library.bpf_program__pin(program, callPath) !== 0) throw new Error(`${callPath} cannot be pinned`);
}
chmodSync(callPath, 0o666);
