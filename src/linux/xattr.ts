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
    fremovexattr: { args: ["i32", "ptr"], returns: "i32" },
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

export type Attribute = readonly [name: string, value: string];

const terminated = (name: string): Buffer => Buffer.from(`${name}\0`, "latin1");

/** Name and value of each, sorted; names and values byte for byte. Empty where the file system has none. */
export function attributesOf(descriptor: number): readonly Attribute[] {
  const length = Number(calls().flistxattr(descriptor, pointer(list.address), longestList));
  if (length === 0) return [];
  if (length < 0) {
    const number = errno();
    if (number === errnoNumber("EOPNOTSUPP")) return [];
    throw new SystemCallError("flistxattr", number);
  }
  const names = Buffer.from(list.bytes.buffer, 0, length).toString("latin1").split("\0").slice(0, -1).sort();
  return names.map((name) => {
    const size = Number(calls().fgetxattr(descriptor, terminated(name), pointer(value.address), longestValue));
    if (size < 0) throw new SystemCallError("fgetxattr", errno());
    return [name, Buffer.from(value.bytes.buffer, 0, size).toString("latin1")] as const;
  });
}

export function setAttribute(descriptor: number, name: string, content: string): void {
  const bytes = Buffer.from(content, "latin1");
  value.bytes.set(bytes);
  if (calls().fsetxattr(descriptor, terminated(name), pointer(value.address), bytes.length, 0) < 0) {
    throw new SystemCallError("fsetxattr", errno());
  }
}

/** What a call says of an attribute that is not there, and where there are none. */
const isAbsence = (number: number): boolean => [errnoNumber("ENODATA"), errnoNumber("EOPNOTSUPP")].includes(number);

/** @throws SystemCallError when that cannot be told */
export function hasAttribute(descriptor: number, name: string): boolean {
  if (calls().fgetxattr(descriptor, terminated(name), pointer(value.address), 0) >= 0) return true;
  const number = errno();
  if (isAbsence(number)) return false;
  throw new SystemCallError("fgetxattr", number);
}

/** One that is not there is no error. */
export function removeAttribute(descriptor: number, name: string): void {
  if (calls().fremovexattr(descriptor, terminated(name)) >= 0) return;
  const number = errno();
  if (!isAbsence(number)) throw new SystemCallError("fremovexattr", number);
}
