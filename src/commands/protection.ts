/** The options of 2003 that say whether shared files are protected, and what protecting them needs. */
import type { Arguments } from "../text/arguments.ts";
import { VserverError } from "../text/error.ts";
import type { OptionSpec } from "../text/manual.ts";

export const protectionOptions: readonly OptionSpec[] = [
  { flag: "--noflags", about: "do not mark: whoever writes to a shared file in place changes it for all" },
  { flag: "--immutable", about: "mark, after --noflags (the mark is both immutable and may-unlink)" },
  { flag: "--immutable-mayunlink", about: "the same" },
];

/** Whether shared files get the mark. */
export const marks = (args: Arguments): boolean =>
  !args.has("--noflags") || args.has("--immutable") || args.has("--immutable-mayunlink");

/** @throws VserverError when the mark would protect nothing here */
export async function requireProtection(tool: string): Promise<void> {
  const { ensureLoaded } = await import("../context/load.ts");
  try {
    await ensureLoaded(tool);
  } catch (thrown) {
    if (!(thrown instanceof VserverError)) throw thrown;
    const { wayOut } = thrown.failure;
    throw new VserverError({
      ...thrown.failure,
      wayOut: `${wayOut === undefined ? "" : `${wayOut}; `}--noflags shares files that every server can spoil`,
    });
  }
}
