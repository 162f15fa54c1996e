/** The compiled programs for the kernel, built into the executable. */
import { readFileSync } from "node:fs";
import groupPath from "../../build/group.bpf.o" with { type: "file" };
import kernelPath from "../../build/vserver.bpf.o" with { type: "file" };

/** The bytes of a file in a buffer that does not move. */
function fixed(path: string): Uint8Array<ArrayBuffer> {
  const bytes = readFileSync(path);
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/** The kernel half. */
export const kernelObject = (): Uint8Array<ArrayBuffer> => fixed(kernelPath);
/** The address rule alone, for the control group of one server. */
export const groupObject = (): Uint8Array<ArrayBuffer> => fixed(groupPath);
