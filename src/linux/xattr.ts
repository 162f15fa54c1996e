/** Extended attributes of an open file, access control lists and file capabilities included. */
import { dlopen, type Pointer } from "bun:ffi";
import { errnoNumber, SystemCallError } from "./errno.ts";
import { errno, libc, memory } from "./libc.ts";

/** The kernel's own limits (linux/limits.h). */
const longestList = 65536;
const longestValue = 65536;

function open() {
  return dlopen("libc.so.6", {
    flistxattr: { args: ["i32", "ptr", "u64"], returns: "i64" },
    fgetxattr: { args: ["i32", "ptr", "ptr", "u64"], returns: "i64" },
    fsetxattr: { args: ["i32", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  } as const).symbols;
}
let opened: ReturnType<typeof open> | undefined;
function calls(): ReturnType<typeof open> {
  libc();
  opened ??= open();
  return opened;
}

const list = memory(longestList);
const value = memory(longestValue);
const pointer = (address: number) => address as Pointer;

/** Name and value of each, sorted; names and values byte for byte. Empty where the file system has none. */
export function attributesOf(descriptor: number): readonly (readonly [name: string, value: string])[] {
  const length = Number(calls().flistxattr(descriptor, pointer(list.address), longestList));
  if (length === 0) return [];
  if (length < 0) {
    const number = errno();
    if (number === errnoNumber("EOPNOTSUPP")) return [];
    throw new SystemCallError("flistxattr", number);
  }
  const names = Buffer.from(list.bytes.buffer, 0, length).toString("latin1").split("\0").slice(0, -1).sort();
  return names.map((name) => {
    const text = Buffer.from(`${name}\0`, "latin1");
    const size = Number(calls().fgetxattr(descriptor, text, pointer(value.address), longestValue));
    if (size < 0) throw new SystemCallError("fgetxattr", errno());
    return [name, Buffer.from(value.bytes.buffer, 0, size).toString("latin1")] as const;
  });
}

export function setAttribute(descriptor: number, name: string, content: string): void {
  const bytes = Buffer.from(content, "latin1");
  value.bytes.set(bytes);
  const text = Buffer.from(`${name}\0`, "latin1");
  if (calls().fsetxattr(descriptor, text, pointer(value.address), bytes.length, 0) < 0) {
    throw new SystemCallError("fsetxattr", errno());
  }
}
