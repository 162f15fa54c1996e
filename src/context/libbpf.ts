/** libbpf.so.1, typed: what loading, attaching and pinning the kernel half needs, and nothing else. */
import { CString, dlopen, FFIType, JSCallback, type Pointer, ptr, read, toArrayBuffer } from "bun:ffi";
import { VserverError } from "../text/error.ts";

const P = FFIType.ptr;
const S = FFIType.cstring;
const I = FFIType.i32;
const U64 = FFIType.u64;

function open() {
  try {
    return dlopen("libbpf.so.1", {
      bpf_link__pin: { args: [P, S], returns: I },
      bpf_object__close: { args: [P], returns: FFIType.void },
      bpf_object__load: { args: [P], returns: I },
      bpf_object__next_map: { args: [P, P], returns: P },
      bpf_object__next_program: { args: [P, P], returns: P },
      bpf_object__open_mem: { args: [P, U64, P], returns: P },
      bpf_map__fd: { args: [P], returns: I },
      bpf_map__initial_value: { args: [P, P], returns: P },
      bpf_map__name: { args: [P], returns: S },
      bpf_map__pin: { args: [P, S], returns: I },
      bpf_obj_get: { args: [S], returns: I },
      bpf_obj_pin: { args: [I, S], returns: I },
      bpf_prog_load: { args: [FFIType.u32, S, S, P, U64, P], returns: I },
      bpf_program__attach: { args: [P], returns: P },
      bpf_program__attach_cgroup: { args: [P, I], returns: P },
      bpf_program__attach_iter: { args: [P, P], returns: P },
      bpf_program__attach_netns: { args: [P, I], returns: P },
      bpf_program__autoload: { args: [P], returns: FFIType.bool },
      bpf_program__fd: { args: [P], returns: I },
      bpf_program__name: { args: [P], returns: S },
      bpf_program__pin: { args: [P, S], returns: I },
      bpf_program__section_name: { args: [P], returns: S },
      bpf_program__set_autoload: { args: [P, FFIType.bool], returns: I },
      bpf_raw_tracepoint_open: { args: [S, I], returns: I },
      btf__find_by_name_kind: { args: [P, S, FFIType.u32], returns: I },
      btf__free: { args: [P], returns: FFIType.void },
      btf__load_vmlinux_btf: { args: [], returns: P },
      libbpf_prog_type_by_name: { args: [S, P, P], returns: I },
      libbpf_set_print: { args: [P], returns: P },
    } as const).symbols;
  } catch {
    throw new VserverError({
      object: "vkernel",
      attempt: "load libbpf.so.1",
      cause: "the library is not installed",
      wayOut: "install it (Debian: apt install libbpf1)",
      exitCode: 69,
    });
  }
}

type Library = ReturnType<typeof open>;
let library: Library | undefined;

/** A pointer the library gave us: to an object, a program, a map or a link. */
export type Handle = Pointer | bigint;

/** The library, opened on first use. */
export function libbpf(): Library {
  library ??= open();
  return library;
}

/** Collects what libbpf says while `work` runs, so that a failure can be explained. */
export function withLog<Result>(work: () => Result): { readonly result: Result; readonly log: readonly string[] } {
  const libc = dlopen("libc.so.6", { vsnprintf: { args: [P, U64, P, P], returns: I } } as const);
  const buffer = new Uint8Array(new ArrayBuffer(16384));
  const log: string[] = [];
  const callback = new JSCallback(
    (_level: number, format: Pointer, values: Pointer) => {
      libc.symbols.vsnprintf(ptr(buffer), BigInt(buffer.length), format, values);
      log.push(...new CString(ptr(buffer)).toString().split("\n"));
      return 0;
    },
    { args: [I, P, P], returns: I },
  );
  libbpf().libbpf_set_print(callback.ptr);
  try {
    return { result: work(), log: log.filter((line) => line.trim() !== "") };
  } finally {
    libbpf().libbpf_set_print(null);
    callback.close();
    libc.close();
  }
}

/** The sentence of a log that says which program the kernel refused, and what its verifier said last. */
export function refusalIn(log: readonly string[]): string | undefined {
  const failed = log.find((line) => /prog '.*failed/.test(line)) ?? log.find((line) => /not found/.test(line));
  const end = log.findIndex((line) => line.startsWith("processed "));
  const reason = end > 0 ? log[end - 1] : undefined;
  if (failed === undefined) return reason;
  const said = failed.replace("libbpf: ", "").trim();
  return reason === undefined ? said : `${said} (${reason.trim()})`;
}

/** The members of a libbpf list (`bpf_object__next_program`, `bpf_object__next_map`). */
export function* each(next: (object: Handle, last: Handle | null) => Handle | null, object: Handle) {
  for (let one = next(object, null); one !== null; one = next(object, one)) yield one;
}

/** Writes 32-bit constants at the start of a read-only data map, before the object is loaded. */
export function setConstants(map: Handle, values: readonly number[]): void {
  const size = new BigUint64Array(new ArrayBuffer(8));
  const at = libbpf().bpf_map__initial_value(map, ptr(size));
  if (at === null) return;
  new Uint32Array(toArrayBuffer(at as Pointer, 0, Number(size[0] ?? 0n))).set(values);
}

/** errno of the last failed call of this thread. */
export function lastErrno(): number {
  const libc = dlopen("libc.so.6", { __errno_location: { args: [], returns: P } } as const);
  const at = libc.symbols.__errno_location();
  return at === null ? 0 : read.i32(at);
}
