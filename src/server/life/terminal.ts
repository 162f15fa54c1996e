/** A session on a terminal of the server's own: what is typed goes in, what is printed comes out, and no more. */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { closeSync, read, writeSync } from "node:fs";
import { receiveDescriptor, socketPair } from "../../linux/socket.ts";

const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const chunk = 65536;

const openLibc = () =>
  dlopen("libc.so.6", { ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.ptr], returns: FFIType.i32 } } as const)
    .symbols;

/** Gives the inner terminal the size of the outer one. */
function copySize(libc: ReturnType<typeof openLibc>, from: number, to: number): void {
  const size = new Uint8Array(new ArrayBuffer(8));
  if (libc.ioctl(from, TIOCGWINSZ, ptr(size)) === 0) libc.ioctl(to, TIOCSWINSZ, ptr(size));
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "EAGAIN") throw thrown;
      Bun.sleepSync(1);
    }
  }
}

/** Copies the inner terminal to standard output until its last process is gone (EIO). */
function copyOut(master: number): Promise<void> {
  const buffer = new Uint8Array(chunk);
  return new Promise((resolve) => {
    const next = (): void =>
      read(master, buffer, 0, chunk, null, (error, count) => {
        if (error?.code === "EAGAIN" || error?.code === "EINTR") return setTimeout(next, 1);
        if (error !== null || count === 0) return resolve();
        writeAll(1, buffer.subarray(0, count));
        next();
        return undefined;
      });
    next();
  });
}

/**
 * Runs `start` with the end of a socket pair to which `launch` sends the master of the server's terminal, and connects
 * that terminal with ours until the session ends.
 */
export async function onOwnTerminal(start: (socket: number, started: () => void) => Promise<number>): Promise<number> {
  const [ours, theirs] = socketPair();
  let master: number | undefined;
  let output: Promise<void> = Promise.resolve();
  const libc = openLibc();
  const input = process.stdin;
  const resize = (): void => {
    if (master !== undefined) copySize(libc, 0, master);
  };
  const started = (): void => {
    closeSync(theirs);
    master = receiveDescriptor(ours);
    closeSync(ours);
    if (master === undefined) return;
    const inner = master;
    resize();
    process.on("SIGWINCH", resize);
    input.setRawMode?.(true);
    input.on("data", (bytes: Uint8Array) => writeAll(inner, bytes));
    output = copyOut(inner);
  };
  try {
    const status = await start(theirs, started);
    await output;
    return status;
  } finally {
    process.off("SIGWINCH", resize);
    input.setRawMode?.(false);
    input.pause();
    if (master !== undefined) closeSync(master);
  }
}
