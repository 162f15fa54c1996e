/** A UNIX socket that QEMU connects one of its ports to: bytes out of the machine, and into it. */

export interface Port {
  readonly path: string;
  send(bytes: Uint8Array): void;
  /** Settles when QEMU has closed its end and everything it wrote was handed on. */
  readonly closed: Promise<void>;
  stop(): void;
}

/** `receive` is called with each piece that comes out of the machine. */
export function listen(path: string, receive: (chunk: Uint8Array) => void): Port {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const waiting: Uint8Array[] = [];
  let connection: Bun.Socket<undefined> | undefined;
  const flush = () => {
    for (let next = waiting[0]; connection !== undefined && next !== undefined; next = waiting[0]) {
      const written = Math.max(0, connection.write(next));
      if (written < next.length) {
        waiting[0] = next.subarray(written);
        return;
      }
      waiting.shift();
    }
  };
  const server = Bun.listen<undefined>({
    unix: path,
    socket: {
      open(socket) {
        connection = socket;
        flush();
      },
      drain: flush,
      data: (_socket, chunk) => receive(chunk),
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  return {
    path,
    closed,
    send(bytes) {
      waiting.push(bytes);
      flush();
    },
    stop() {
      server.stop(true);
    },
  };
}
