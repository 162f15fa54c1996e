/** `--method oci`: the layers of a container image, one over the other, whoever made them; nothing of it is run. */
import { closeSync, constants, mkdirSync, openSync, rmSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { beneath, Tree } from "../../../linux/beneath.ts";
import { systemWords } from "../../../linux/system-error.ts";
import { VserverError } from "../../../text/error.ts";
import type { Job } from "../job.ts";
import { findTool, runTool } from "../tool.ts";
import { extraction } from "../unpack.ts";
import { BadBlob, type Blob } from "./blob.ts";
import { commandOf, keepCommand } from "./command.ts";
import { type Image, ownArchitecture, readImage } from "./image.ts";
import { unpackLayer } from "./layer.ts";
import { mergeLayer } from "./merge.ts";
import type { ImageReference } from "./reference.ts";

/** Files between two moments in which others may have their turn: a signal, the progress. */
const filesAtOnce = 500;

/** Unpacks the archive of an image beside the tree. @returns the directory that has the image */
async function openArchive(job: Job, attempt: string, path: string): Promise<string> {
  const directory = join(job.staging.directory, "image");
  mkdirSync(directory, { mode: 0o700 });
  const archive = { path: resolve(path), as: "archive" };
  job.progress.phase(`unpacking ${basename(path)}`);
  const total = statSync(path).size;
  await runTool(job, extraction(job, attempt, findTool(job, "tar", "tar"), { archive, total, into: directory }));
  return directory;
}

/** Unpacks one layer beside the tree, then lays it over the tree. */
async function applyLayer(job: Job, attempt: string, image: Tree, layer: Blob): Promise<void> {
  const directory = join(job.staging.directory, "layer");
  const listing = await unpackLayer(job, attempt, image, layer, directory);
  const [from, tree] = [openDirectory(directory), openDirectory(job.staging.tree)];
  try {
    await mergeLayer({
      ...{ from, tree, isListed: listing.has },
      breathe: (files) => {
        if (files % filesAtOnce !== 0) return undefined;
        job.progress.amount(files, undefined, "files");
        return Bun.sleep(0).then(() => job.interrupt.check());
      },
    });
  } finally {
    for (const descriptor of [from, tree]) closeSync(descriptor);
  }
  rmSync(directory, { recursive: true });
}

async function applyLayers(job: Job, attempt: string, tree: Tree, image: Image): Promise<void> {
  for (const [at, layer] of image.layers.entries()) {
    job.progress.phase(`unpacking layer ${at + 1} of ${image.layers.length}`);
    await applyLayer(job, attempt, tree, layer);
  }
}

const openDirectory = (path: string): number => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);

/** The tree as a directory that stays open through all that is done in between. */
const withTree = <T>(directory: string, use: (tree: Tree) => Promise<T>): Promise<T> => {
  const descriptor = openDirectory(directory);
  return use(new Tree(descriptor, directory)).finally(() => closeSync(descriptor));
};

/** @throws VserverError for what is no image, is not for this machine or not what its digests say */
export async function unpackImage(job: Job, { path, tag }: ImageReference): Promise<void> {
  const attempt = `unpack the image ${path}${tag === undefined ? "" : `:${tag}`}`;
  const refuse = (cause: string, wayOut?: string) =>
    new VserverError({ object: job.object, attempt, cause, ...(wayOut === undefined ? {} : { wayOut }) });
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw refuse("there is no such file", "name an OCI layout or archive: PATH or PATH:TAG");
  if (!status.isDirectory() && !status.isFile()) throw refuse("it is neither a directory nor a file");
  try {
    const directory = status.isDirectory() ? path : await openArchive(job, attempt, path);
    await withTree(directory, async (source) => {
      const image = readImage(source, tag, ownArchitecture());
      await applyLayers(job, attempt, source, image);
      beneath(job.staging.tree, (tree) => keepCommand(job, tree, commandOf(image.settings)));
    });
  } catch (thrown) {
    if (thrown instanceof BadBlob) throw refuse(thrown.message, thrown.wayOut);
    const words = systemWords(thrown);
    throw words === undefined ? thrown : refuse(words);
  }
}
