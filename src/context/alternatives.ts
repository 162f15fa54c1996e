/**
 * Hooks that not every kernel has: those that stand in for one another, of which the first that the kernel takes is used,
 * and those that guard a call which came with them.
 */
import { each, type Handle, libbpf } from "./libbpf.ts";
import { refusal } from "./probe.ts";

/** By the section names of their programs, the better one first. */
const alternatives: readonly (readonly string[])[] = [["lsm/file_alloc_security", "fmod_ret/security_file_alloc"]];

/** Hooks, and the call a kernel without them lacks as well. */
const withTheirCall: Readonly<Record<string, string>> = { "lsm/inode_file_setattr": "file_setattr(2)" };

/** Why nothing is open where this kernel refuses `section`; undefined when something is. */
export function excuse(section: string, types: Handle | null): string | undefined {
  const call = withTheirCall[section];
  if (call !== undefined) return `not needed: this kernel has no ${call} either`;
  const other = alternativeTo(section, types);
  return other === undefined ? undefined : `${other} is used`;
}

/** The hook that is used where this kernel refuses `section`; undefined when there is none. */
function alternativeTo(section: string, types: Handle | null): string | undefined {
  const group = alternatives.find((one) => one.includes(section)) ?? [];
  return group.find((other) => other !== section && refusal(other, types) === undefined);
}

/** Has those programs loaded that this kernel takes and needs; of an object that is open, not loaded. */
export function chooseAlternatives(object: Handle): void {
  const library = libbpf();
  const types = library.btf__load_vmlinux_btf();
  const taken = (section: string) => refusal(section, types) === undefined;
  const chosen = [...alternatives.map((group) => group.find(taken)), ...Object.keys(withTheirCall).filter(taken)];
  for (const program of each(library.bpf_object__next_program, object)) {
    const section = String(library.bpf_program__section_name(program));
    if (chosen.includes(section)) library.bpf_program__set_autoload(program, true);
  }
  library.btf__free(types);
}
