/** Whether this kernel lets every program of the kernel half in: hook by hook, and all of them together. */
import { ptr } from "bun:ffi";
import { errnoWords } from "../linux/errno.ts";
import { VserverError } from "../text/error.ts";
import { chooseAlternatives, excuse } from "./alternatives.ts";
import { each, type Handle, lastErrno, libbpf, refusalIn, withLog } from "./libbpf.ts";
import { kernelObject } from "./object.ts";
import { newerKernel, refusal } from "./probe.ts";
import type { Finding } from "./support.ts";

/** Every hook of the kernel half, by the section names of its programs. */
function sections(object: Handle): readonly string[] {
  const library = libbpf();
  const programs = [...each(library.bpf_object__next_program, object)];
  return programs.map((program) => String(library.bpf_program__section_name(program))).sort();
}

function hookFindings(object: Handle): Finding[] {
  const types = libbpf().btf__load_vmlinux_btf();
  try {
    return sections(object).map((section) => {
      const refused = refusal(section, types);
      const excused = refused === undefined ? undefined : excuse(section, types);
      if (excused !== undefined) return { what: `hook ${section}`, ok: true, found: excused, wayOut: "" };
      const { found, wayOut } = refused ?? { found: "can be attached", wayOut: newerKernel };
      return { what: `hook ${section}`, ok: refused === undefined, found, wayOut };
    });
  } finally {
    libbpf().btf__free(types);
  }
}

/** Loads the whole object, attaches nothing, and lets it go. */
function verifierFinding(object: Handle): Finding {
  chooseAlternatives(object);
  const { result, log } = withLog(() => libbpf().bpf_object__load(object));
  return {
    what: "the kernel's verifier on the kernel half",
    ok: result === 0,
    found: result === 0 ? "it is accepted" : (refusalIn(log) ?? errnoWords(-result)),
    wayOut:
      "mend what is missing above first; if nothing is, use a kernel the kernel half is tested on (Debian's 6.12)",
  };
}

/** Asks the kernel, with libbpf, to take the programs. Root only; nothing stays loaded. */
export function programFindings(): readonly Finding[] {
  const library = { what: "libbpf.so.1", wayOut: "install it (Debian: apt install libbpf1)" };
  const bytes = kernelObject();
  let object: Handle | null;
  try {
    object = libbpf().bpf_object__open_mem(ptr(bytes), BigInt(bytes.length), null);
  } catch (thrown) {
    if (!(thrown instanceof VserverError)) throw thrown;
    return [{ ...library, ok: false, found: thrown.failure.cause }];
  }
  if (object === null)
    return [{ ...library, ok: false, found: `it cannot read the object: ${errnoWords(lastErrno())}` }];
  try {
    return [{ ...library, ok: true, found: "installed" }, ...hookFindings(object), verifierFinding(object)];
  } finally {
    libbpf().bpf_object__close(object);
  }
}
