/** Passwords as shadow(5) has them. */

import { CString, dlopen } from "bun:ffi";
import { randomBytes } from "node:crypto";

/** SHA-512 with its usual number of rounds: every libc and every Linux of the last fifteen years reads it. */
const method = "$6$";

/** @throws Error when the machine has no libcrypt.so.1 (Debian: libcrypt1, which is essential). */
export function passwordHash(password: string): string {
  const library = dlopen("libcrypt.so.1", { crypt: { args: ["cstring", "cstring"], returns: "ptr" } } as const);
  const salt = randomBytes(12)
    .toString("base64")
    .replace(/[^A-Za-z0-9./]/g, ".");
  const encode = (text: string) => Buffer.from(`${text}\0`);
  const hash = library.symbols.crypt(encode(password), encode(`${method}${salt}$`));
  const text = hash === null ? "" : new CString(hash).toString();
  if (!text.startsWith(method)) throw new Error("libcrypt cannot hash a password");
  return text;
}
