/** The end of a chain loader: this process becomes `launch`, which performs the plan and executes the program. */
import { ptr } from "bun:ffi";
import { VserverError } from "../text/error.ts";
import { errnoWords } from "./errno.ts";
import { restoreInherited } from "./inherited.ts";
import { launchPaths } from "./launch.ts";
import { errno, libc, memory } from "./libc.ts";
import { sealedMemory } from "./memfd.ts";
import { encodePlan, type Plan } from "./plan/encode.ts";

/** A NULL-terminated vector of C strings; it lives as long as the result is referenced. */
function vector(words: readonly Uint8Array[]): { readonly pointers: Uint8Array; readonly texts: Uint8Array } {
  const texts = memory(words.reduce((sum, word) => sum + word.length + 1, 0));
  const pointers = memory(8 * (words.length + 1));
  let at = 0;
  words.forEach((word, index) => {
    texts.bytes.set(word, at);
    pointers.view.setBigUint64(8 * index, BigInt(texts.address + at), true);
    at += word.length + 1;
  });
  return { pointers: pointers.bytes, texts: texts.bytes };
}

/**
 * Replaces this process by `launch` with the plan; `words` are for its exec step. The C library's own environment goes
 * along, byte for byte. Never returns.
 *
 * @throws VserverError when `launch` cannot be executed; the process must end then.
 */
export function replaceProcess(tool: string, plan: Plan, words: readonly Uint8Array[]): never {
  const encoder = new TextEncoder();
  const bytes = encodePlan(plan);
  restoreInherited();
  const descriptor = sealedMemory("plan", bytes);
  const argv = vector([encoder.encode("launch"), encoder.encode(String(descriptor)), ...words]);
  const pointers = ptr(argv.pointers);
  const tried = launchPaths().map((path) => {
    libc().execv(path, pointers);
    return `${path}: ${errnoWords(errno())}`;
  });
  throw new VserverError({
    object: tool,
    attempt: `run launch with ${argv.texts.length} bytes of arguments`,
    cause: tried.join(", "),
    wayOut: "install vserver completely",
    exitCode: plan.exitStatus,
  });
}
