/** One layer of an image, unpacked into a directory of its own by tools that see nothing else. */
import { closeSync, fstatSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Tree } from "../../../linux/beneath.ts";
import { confined } from "../confine.ts";
import type { Job } from "../job.ts";
import { findTool, pipe, runTool, type Tool } from "../tool.ts";
import { checkpoints, extraction } from "../unpack.ts";
import { BadBlob, type Blob, compression, pour, withBlob } from "./blob.ts";
import { appendEnd, completeness } from "./end.ts";
import { Listing } from "./listing.ts";

/**
 * @param into is made
 * @throws BadBlob when it is not what its digest says, or is cut off; VserverError when tar cannot read it
 */
export async function unpackLayer(job: Job, attempt: string, image: Tree, layer: Blob, into: string): Promise<Listing> {
  const path = join(job.staging.directory, "archive");
  const archive = openSync(path, "wx+", 0o600);
  const input = openSync(path, "r");
  // From here on only the tools have it.
  rmSync(path);
  try {
    await withBlob(image, layer, (file) => expand(job, attempt, layer, file, archive));
    const found = completeness(archive);
    if (found === "cut off") throw new BadBlob(`${layer.path} ends too early`, "get an image that is complete");
    if (found === "whole") appendEnd(archive);
    mkdirSync(into, { mode: 0o755 });
    const total = fstatSync(archive).size;
    const tool = extraction(job, attempt, findTool(job, "tar", "tar"), { into, options: Listing.options });
    const reached = checkpoints(job, total).onLine;
    const listing = new Listing();
    await runTool(job, { ...tool, stdin: input, onLine: (line) => reached(line) || listing.onLine(line) });
    return listing;
  } finally {
    for (const descriptor of [archive, input]) closeSync(descriptor);
  }
}

/** Writes the layer without its compression. @param file descriptor of it; @param archive of what is written */
async function expand(job: Job, attempt: string, layer: Blob, file: number, archive: number): Promise<void> {
  const kind = await compression(file);
  const breathe = () => job.interrupt.check();
  if (kind === undefined) return pour(layer, file, archive, breathe);
  const data = pipe();
  const tool: Tool = {
    attempt,
    command: [findTool(job, kind, kind), "--decompress", "--stdout"],
    ...{ stdin: data.read, stdout: archive },
    ...confined(job, attempt, [], []),
  };
  const reading = runTool(job, tool);
  closeSync(data.read);
  const writing = pour(layer, file, data.write, breathe).finally(() => closeSync(data.write));
  // What the digest says is the reason when both fail: the tool only finds what has been done to the layer.
  const [written, read] = await Promise.allSettled([writing, reading]);
  for (const end of [written, read]) if (end.status === "rejected") throw end.reason;
}
