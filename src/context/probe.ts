/** Whether this kernel takes a program for one hook: asked by loading one that does nothing. */
import { ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { errnoNumber, errnoWords } from "../linux/errno.ts";
import { type Handle, libbpf } from "./libbpf.ts";

/** Numbers of linux/bpf.h and linux/btf.h. */
const BPF_TRACE_FENTRY = 24;
const BPF_MODIFY_RETURN = 26;
const BPF_LSM_MAC = 27;
const BPF_TRACE_ITER = 28;
const BPF_PROG_TYPE_SYSCALL = 31;
const BPF_F_SLEEPABLE = 1 << 4;
const BTF_KIND_FUNC = 12;

/** The kernel function a program is attached to, for those that name one. */
const targetPrefix: Readonly<Record<number, string>> = {
  [BPF_TRACE_FENTRY]: "",
  [BPF_MODIFY_RETURN]: "",
  [BPF_LSM_MAC]: "bpf_lsm_",
  [BPF_TRACE_ITER]: "bpf_iter_",
};

/** Programs of these hooks may return nothing but 1. */
const alwaysOne = /^cgroup\/(recvmsg|getsockname|getpeername)[46]$/;

const zeroed = (size: number) => new DataView(new ArrayBuffer(size));

/** `r0 = value; exit`. */
function smallestProgram(value: number): DataView {
  const program = zeroed(16);
  program.setUint8(0, 0xb7);
  program.setInt32(4, value, true);
  program.setUint8(8, 0x95);
  return program;
}

/** `struct bpf_prog_load_opts` of libbpf. */
function loadOptions(attachType: number, flags: number, target: number): DataView {
  const options = zeroed(40);
  options.setBigUint64(0, BigInt(options.byteLength), true);
  options.setUint32(12, attachType, true);
  options.setUint32(20, flags, true);
  options.setUint32(32, target, true);
  return options;
}

export interface Refusal {
  readonly found: string;
  readonly wayOut: string;
}

export const newerKernel = "use a kernel that has it (Debian's 6.12 and newer)";

/** Loads a program that does nothing for this hook. Returns why it was refused, undefined when it was not. */
export function refusal(section: string, types: Handle | null): Refusal | undefined {
  const library = libbpf();
  const numbers = new Uint32Array(new ArrayBuffer(8));
  if (library.libbpf_prog_type_by_name(section, ptr(numbers), ptr(numbers, 4)) < 0) {
    return { found: "the installed libbpf does not know it", wayOut: "install a newer libbpf (1.0 at least)" };
  }
  const [type = 0, attachType = 0] = numbers;
  const prefix = targetPrefix[attachType];
  let target = 0;
  if (prefix !== undefined) {
    if (types === null) return { found: "not looked for", wayOut: "the kernel's type information is needed first" };
    target = library.btf__find_by_name_kind(types, prefix + section.slice(section.indexOf("/") + 1), BTF_KIND_FUNC);
    if (target < 0) return { found: "this kernel has no such hook", wayOut: newerKernel };
  }
  const program = smallestProgram(alwaysOne.test(section) ? 1 : 0);
  const options = loadOptions(attachType, type === BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0, target);
  const descriptor = library.bpf_prog_load(type, "vs_probe", "GPL", ptr(program), 2n, ptr(options));
  if (descriptor === -errnoNumber("EPERM")) {
    const wayOut = "the machine's policy or a container forbids such programs: use a kernel that allows them";
    return { found: errnoWords(-descriptor), wayOut };
  }
  if (descriptor < 0) return { found: errnoWords(-descriptor), wayOut: newerKernel };
  closeSync(descriptor);
  return undefined;
}
