/** One process at a time: a lock on a file, held by a child that lives as long as the work, and no longer than us. */

/** Waits for `path`, runs `work`, lets go. */
export async function locked<T>(path: string, work: () => Promise<T>): Promise<T> {
  const holder = Bun.spawn(["flock", path, "sh", "-c", "echo locked && exec cat"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  await holder.stdout.getReader().read();
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await holder.exited;
  }
}
