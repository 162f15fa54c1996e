/** A job in the test machine, from the options of a command line to an exit status; shared by run and shell. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tail } from "./console.ts";
import type { Job } from "./job.ts";
import { guestShelf, toolsLayer } from "./links.ts";
import { boot, type Listener, type Outcome, type Parts } from "./machine.ts";
import type { MachineOptions } from "./options.ts";
import { type Part, partPath, source } from "./parts/cache.ts";
import { output } from "./parts/command.ts";
import { diskPart } from "./parts/disk.ts";
import { guestParts } from "./parts/guests.ts";
import { kernelPart } from "./parts/kernel.ts";
import { prepare } from "./parts/prepare.ts";
import { rootPart } from "./parts/root.ts";

/** The status of the job; 70 for a failure of the machine, 124 at the end of its time, both told on standard error. */
export async function session(tool: string, options: MachineOptions, job: Job, listener: Listener): Promise<number> {
  const kernel = kernelPart(options.kernel);
  const root = rootPart(options.install);
  const guests = chosenGuests(options.guests);
  await prepare([kernel, root, diskPart, ...guests.values()]);
  if (options.keep !== undefined && !existsSync(options.keep)) {
    await output(["cp", "--sparse=always", partPath(diskPart), options.keep], `make ${options.keep}`);
  }
  const tools = await toolsLayer();
  const shelf = guestShelf(guests);
  const parts: Parts = {
    kernel: join(partPath(kernel), "vmlinuz"),
    modules: join(partPath(kernel), "modules"),
    root: partPath(root),
    disk: partPath(diskPart),
    guests: shelf,
    source,
    tools,
  };
  try {
    const outcome = await untilBorn(() => boot(parts, options, job, listener));
    if (outcome.kind === "exit") return outcome.status;
    console.error(`${tail(outcome.console)}\n${tool}: kernel ${options.kernel}: ${outcome.reason}`);
    return outcome.kind === "timeout" ? 124 : 70;
  } finally {
    for (const directory of [tools, shelf]) rmSync(directory, { recursive: true, force: true });
  }
}

const chosenGuests = (names: readonly string[]): ReadonlyMap<string, Part> =>
  new Map([...guestParts].filter(([name]) => names.length === 0 || names.includes(name)));

/** Boots once more, up to three times in all, when the kernel died before any of our code ran: emulated ones may. */
export async function untilBorn(bootOnce: () => Promise<Outcome>): Promise<Outcome> {
  let outcome = await bootOnce();
  for (let again = 2; again <= 3 && outcome.kind === "unborn"; again++) outcome = await bootOnce();
  return outcome;
}
