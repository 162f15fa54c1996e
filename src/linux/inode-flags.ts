/** The flags of an inode that lsattr shows (FS_IOC_GETFLAGS). */
import { errnoNumber, SystemCallError } from "./errno.ts";
import { errno, libc, memory } from "./libc.ts";

const ioctl = process.arch === "arm64" ? 29 : 16;
const FS_IOC_GETFLAGS = 0x80086601;

/** FS_IMMUTABLE_FL: nobody changes the file, nor removes a name of it. */
export const immutableFlag = 0x10;

/** @returns undefined where the file system has none */
export function inodeFlags(descriptor: number): number | undefined {
  const { view, address } = memory(8);
  if (libc().syscall(ioctl, descriptor, FS_IOC_GETFLAGS, address) >= 0) return view.getUint32(0, true);
  const number = errno();
  if ([errnoNumber("ENOTTY"), errnoNumber("EOPNOTSUPP")].includes(number)) return undefined;
  throw new SystemCallError("ioctl FS_IOC_GETFLAGS", number);
}
