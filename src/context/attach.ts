/** Attaches one program of the kernel half where its section says. */
import { ptr } from "bun:ffi";
import { closeSync, openSync } from "node:fs";
import { cgroupRoot } from "../linux/cgroup.ts";
import { VserverError } from "../text/error.ts";
import { type Handle, libbpf } from "./libbpf.ts";

export const problem = (attempt: string, cause: string, wayOut?: string) =>
  new VserverError({ object: "vkernel", attempt, cause, exitCode: 69, ...(wayOut === undefined ? {} : { wayOut }) });

/** Runs `attach` with a descriptor of `path` open. */
function withDescriptor(path: string, attach: (descriptor: number) => Handle | null): Handle | null {
  const descriptor = openSync(path, "r");
  try {
    return attach(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** `struct bpf_iter_link_info` and its options, for an iterator over the elements of a map, or one task by its number. */
function iteratorOptions(target: number): { readonly pointer: Handle; readonly keep: readonly ArrayBuffer[] } {
  const info = new Uint32Array(new ArrayBuffer(16));
  info[0] = target;
  const options = new ArrayBuffer(24);
  const view = new DataView(options);
  view.setBigUint64(0, 24n, true);
  view.setBigUint64(8, BigInt(ptr(info)), true);
  view.setUint32(16, info.byteLength, true);
  return { pointer: ptr(new Uint8Array(options)), keep: [info.buffer, options] };
}

type Maps = ReadonlyMap<string, Handle>;

/** What servers read in place of files of /proc. */
export const isOwnProc = (program: string): boolean => program.startsWith("vs_own_");

/** Attaches one program as its section says, for as long as the result lives. */
export function attach(program: Handle, name: string, section: string, maps: Maps): Handle | null {
  const library = libbpf();
  if (section.startsWith("cgroup/") || section === "sockops") {
    return withDescriptor(cgroupRoot(), (root) => library.bpf_program__attach_cgroup(program, root));
  }
  if (section === "sk_lookup") {
    return withDescriptor("/proc/1/ns/net", (net) => library.bpf_program__attach_netns(program, net));
  }
  if (section === "iter/task") return library.bpf_program__attach_iter(program, null);
  // Once, for the process 1 of whoever reads.
  if (section === "iter.s/task") return library.bpf_program__attach_iter(program, iteratorOptions(1).pointer);
  if (section === "iter/bpf_map_elem") {
    const iterated = isOwnProc(name) ? "once" : "records";
    const map = maps.get(iterated);
    if (map === undefined) throw problem(`attach ${name}`, `the object has no map called ${iterated}`);
    return library.bpf_program__attach_iter(program, iteratorOptions(library.bpf_map__fd(map)).pointer);
  }
  return library.bpf_program__attach(program);
}
