/** The address rule of a server without a context (CONTEXTS=optional): programs of its control group's own. */
import { ptr } from "bun:ffi";
import { closeSync, openSync } from "node:fs";
import { attachToGroup, updateElement } from "../linux/bpf.ts";
import { errnoWords, SystemCallError } from "../linux/errno.ts";
import { VserverError } from "../text/error.ts";
import { encodeGroup, type GroupRule, keyOf, ownMap } from "./group.ts";
import { each, type Handle, lastErrno, libbpf, withLog } from "./libbpf.ts";
import { groupObject } from "./object.ts";
import { ensureBpfDirectory } from "./rundir.ts";

const failure = (tool: string, cause: string) =>
  new VserverError({
    object: tool,
    attempt: "tie it to its addresses",
    cause: `this kernel does not take the address rule of a control group (${cause})`,
    wayOut: "set IPROOT=0.0.0.0 or NETNS=yes, or use a kernel with CONFIG_CGROUP_BPF",
    exitCode: 69,
  });

function loadObject(tool: string): Handle {
  const bytes = groupObject();
  const { result, log } = withLog(() => {
    const object = libbpf().bpf_object__open_mem(ptr(bytes), BigInt(bytes.length), null);
    return { object, error: object === null ? lastErrno() : -libbpf().bpf_object__load(object) };
  });
  if (result.object !== null && result.error === 0) return result.object;
  throw failure(tool, log.find((line) => /failed|not found/.test(line))?.trim() ?? errnoWords(result.error));
}

function attachAll(object: Handle, group: number): void {
  const library = libbpf();
  for (const program of each(library.bpf_object__next_program, object)) {
    const numbers = new Uint32Array(new ArrayBuffer(8));
    const section = String(library.bpf_program__section_name(program));
    library.libbpf_prog_type_by_name(section, ptr(numbers), ptr(numbers, 4));
    attachToGroup(library.bpf_program__fd(program), group, numbers[1] ?? 0);
  }
}

function writeRule(object: Handle, directory: string, rule: GroupRule): void {
  const library = libbpf();
  for (const map of each(library.bpf_object__next_map, object)) {
    if (String(library.bpf_map__name(map)) !== "groups") continue;
    updateElement(library.bpf_map__fd(map), keyOf(directory), encodeGroup(rule));
    library.bpf_map__pin(map, ownMap(directory));
  }
}

/** Ties whatever runs in the group to addresses; the programs go with the group. @throws VserverError */
export function tieAlone(tool: string, directory: string, rule: GroupRule): void {
  ensureBpfDirectory();
  const object = loadObject(tool);
  const group = openSync(directory, "r");
  try {
    writeRule(object, directory, rule);
    attachAll(object, group);
  } catch (thrown) {
    if (thrown instanceof SystemCallError) throw failure(tool, thrown.words);
    throw thrown;
  } finally {
    closeSync(group);
    libbpf().bpf_object__close(object);
  }
}
