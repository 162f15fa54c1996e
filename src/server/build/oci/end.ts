/**
 * Whether an archive is complete, which tar does not always tell: one that stops within a header is as good as complete to
 * GNU tar, and one that has all its content but not the zeros behind it is refused. `umoci insert` writes such ones.
 */
import { fstatSync, ftruncateSync, readSync } from "node:fs";

/** Of POSIX.1-1988 (ustar), as all that follows: bytes, and where the fields of a header are. */
const block = 512;
const sizeField = { at: 124, end: 136 };
const sumField = { at: 148, end: 156 };
const typeAt = 156;
const hardLink = "1";
/** Headers of POSIX.1-2001, which may say another size for what follows. */
const extended = "xg";
/** Members of GNU tar of which the header alone does not tell the size: sparse files, and those of several volumes. */
const untold = "SM";
const longestExtension = 1 << 20;

const octal = (bytes: Buffer): number => Number.parseInt(bytes.toString("latin1").replace(/[\0 ]+/g, "") || "0", 8);

/** The sum of all bytes, its own field being blanks. */
function hasItsSum(header: Buffer): boolean {
  const { at, end } = sumField;
  let sum = (end - at) * 0x20;
  for (let index = 0; index < block; index++) if (index < at || index >= end) sum += header[index] ?? 0;
  return sum === octal(header.subarray(at, end));
}

/** Bytes of the member's content; undefined when it cannot be told, or this is no header. */
function contentSize(header: Buffer, type: string): number | undefined {
  if (untold.includes(type) || !hasItsSum(header)) return undefined;
  if (type === hardLink) return 0;
  const field = header.subarray(sizeField.at, sizeField.end);
  // GNU tar has larger numbers in base 256, after a byte that says so.
  const size = field[0] === 0x80 ? Number(field.readBigUInt64BE(4)) : octal(field);
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
}

function saysSize(archive: number, at: number, length: number): boolean {
  if (length > longestExtension) return true;
  const records = Buffer.alloc(length);
  readSync(archive, records, 0, length, at);
  return / size=/.test(records.toString("latin1"));
}

/**
 * Follows the headers of an archive without compression.
 *
 * @param archive descriptor
 * @returns "whole" with or without the zeros that end it, "cut off" within a header or a member, "unknown" when tar has to tell
 */
export function completeness(archive: number): "whole" | "cut off" | "unknown" {
  const { size } = fstatSync(archive);
  const header = Buffer.alloc(block);
  for (let at = 0; at < size; ) {
    const length = readSync(archive, header, 0, block, at);
    if (header.subarray(0, length).every((byte) => byte === 0)) return "whole";
    if (length < block) return "cut off";
    const type = String.fromCharCode(header[typeAt] ?? 0);
    const content = contentSize(header, type);
    if (content === undefined) return "unknown";
    if (at + block + content > size) return "cut off";
    if (extended.includes(type) && saysSize(archive, at + block, content)) return "unknown";
    at += block + Math.ceil(content / block) * block;
  }
  return "whole";
}

/** Gives it its end; where it has one there are more zeros then. */
export function appendEnd(archive: number): void {
  const { size } = fstatSync(archive);
  ftruncateSync(archive, (Math.ceil(size / block) + 2) * block);
}
