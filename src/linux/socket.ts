/** Hands descriptors from `launch` to this process over a pair of sockets. */
import { check } from "./errno.ts";
import { libc, memory } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 5 | 0o2000000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
/** struct msghdr and struct cmsghdr on 64-bit machines. */
const header = { iov: 16, iovLength: 24, control: 32, controlLength: 40, size: 56 } as const;
const control = { level: 8, type: 12, data: 16, size: 24 } as const;

/** Two connected sockets, both close-on-exec. */
export function socketPair(): readonly [ours: number, theirs: number] {
  const ends = memory(8);
  check("socketpair", libc().socketpair(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, ends.bytes));
  return [ends.view.getInt32(0, true), ends.view.getInt32(4, true)];
}

/**
 * Waits for one descriptor on `socket`; it is close-on-exec. Undefined when the other side went away without sending one.
 *
 * @throws SystemCallError when receiving fails.
 */
export function receiveDescriptor(socket: number): number | undefined {
  const byte = memory(1);
  const vector = memory(16);
  vector.view.setBigUint64(0, BigInt(byte.address), true);
  vector.view.setBigUint64(8, 1n, true);
  const extra = memory(control.size);
  const message = memory(header.size);
  message.view.setBigUint64(header.iov, BigInt(vector.address), true);
  message.view.setBigUint64(header.iovLength, 1n, true);
  message.view.setBigUint64(header.control, BigInt(extra.address), true);
  message.view.setBigUint64(header.controlLength, BigInt(control.size), true);
  const got = check("recvmsg", libc().recvmsg(socket, message.bytes, MSG_CMSG_CLOEXEC));
  const sent = message.view.getBigUint64(header.controlLength, true) >= BigInt(control.data + 4);
  const rights =
    extra.view.getInt32(control.level, true) === SOL_SOCKET && extra.view.getInt32(control.type, true) === SCM_RIGHTS;
  return got === 1 && sent && rights ? extra.view.getInt32(control.data, true) : undefined;
}
