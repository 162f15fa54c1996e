/** Bytes in a memory file that nobody can change any more. */
import { ptr } from "bun:ffi";
import { check } from "./errno.ts";
import { libc } from "./libc.ts";

const MFD_ALLOW_SEALING = 2;
const MFD_NOEXEC_SEAL = 8;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL, SHRINK, GROW and WRITE. */
const ALL_SEALS = 0xf;

/**
 * The descriptor of a sealed copy of `bytes` (at least one). It is not close-on-exec: it is made to be handed on.
 *
 * @throws SystemCallError when the kernel refuses (EMFILE, ENOMEM).
 */
export function sealedMemory(name: string, bytes: Uint8Array): number {
  const descriptor = check("memfd_create", libc().memfd_create(name, MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.subarray(at);
    at += check("write", libc().write(descriptor, ptr(rest), rest.length));
  }
  check("fcntl", libc().fcntl(descriptor, F_ADD_SEALS, ALL_SEALS));
  return descriptor;
}
