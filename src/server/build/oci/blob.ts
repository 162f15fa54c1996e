/** Content that is named by its digest: whoever reads it here has what the name promises, or an error. */
import { createHash, timingSafeEqual } from "node:crypto";
import { closeSync, read, write } from "node:fs";
import { promisify } from "node:util";
import type { Tree } from "../../../linux/beneath.ts";
import { systemErrno } from "../../../linux/system-error.ts";
import { parsed } from "./json.ts";

/** Longest index, manifest or configuration, in bytes: the 4 MiB that registries take. */
const longestJson = 4 << 20;
const chunkSize = 1 << 20;
const EPIPE = 32;

/** Names of the OCI image specification, and how many hexadecimal digits each has. */
const algorithms = { sha256: 64, sha512: 128 } as const;

export interface Digest {
  readonly algorithm: keyof typeof algorithms;
  /** Lower case. */
  readonly hex: string;
}

export interface Blob {
  /** In the directory of the image. */
  readonly path: string;
  readonly digest: Digest;
}

/** undefined for what is no digest, or by an algorithm that is not known here. */
export function digestOf(words: string | undefined): Digest | undefined {
  const [, algorithm = "", hex = ""] = /^([a-z0-9]+):([0-9a-f]+)$/.exec(words ?? "") ?? [];
  if (algorithm !== "sha256" && algorithm !== "sha512") return undefined;
  return hex.length === algorithms[algorithm] ? { algorithm, hex } : undefined;
}

const digestText = ({ algorithm, hex }: Digest): string => `${algorithm}:${hex}`;

const isDigest = (found: Buffer, { hex }: Digest): boolean => timingSafeEqual(found, Buffer.from(hex, "hex"));

/** Why a blob cannot be used; its reader says of what. */
export class BadBlob extends Error {
  constructor(
    message: string,
    readonly wayOut?: string,
  ) {
    super(message);
  }
}

const wrongContent = ({ path, digest }: Blob) =>
  new BadBlob(`${path} is not what its digest ${digestText(digest)} says`, "get a whole copy of it");

/** @throws BadBlob when it is missing, too long, not of that digest, or no JSON */
export function readJson(tree: Tree, blob: Blob): unknown {
  const bytes = tree.readBytes(blob.path, longestJson);
  if (bytes === undefined) throw new BadBlob(`${blob.path} is missing`);
  if (!isDigest(createHash(blob.digest.algorithm).update(bytes).digest(), blob.digest)) throw wrongContent(blob);
  const value = parsed(bytes);
  if (value === undefined) throw new BadBlob(`${blob.path} is no JSON`);
  return value;
}

/** JSON that has no digest to be checked by; undefined when there is no such file. */
export function readPlainJson(tree: Tree, path: string): unknown {
  const bytes = tree.readBytes(path, longestJson);
  if (bytes === undefined) return undefined;
  const value = parsed(bytes);
  if (value === undefined) throw new BadBlob(`${path} is no JSON`);
  return value;
}

const readChunk = promisify(read);
const writeChunk = promisify(write);

/**
 * Passes the content on to a pipe or a file and checks what it has passed on, byte for byte: a blob that is exchanged
 * meanwhile is found out, too, though after its reader has had it.
 *
 * @param from descriptor of the blob; @param to of the pipe or file; @param breathe called in between
 * @throws BadBlob when it was not the content promised
 */
export async function pour(blob: Blob, from: number, to: number, breathe: () => void): Promise<void> {
  const hash = createHash(blob.digest.algorithm);
  const chunk = Buffer.alloc(chunkSize);
  let reading = true;
  for (let at = 0; ; ) {
    const { bytesRead } = await readChunk(from, chunk, 0, chunkSize, at);
    if (bytesRead === 0) break;
    breathe();
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
    // Whoever has read an archive to its end leaves what follows it unread; it counts for the digest all the same.
    if (reading) reading = await writeAll(to, chunk.subarray(0, bytesRead));
  }
  if (!isDigest(hash.digest(), blob.digest)) throw wrongContent(blob);
}

/** False when nobody reads any more. */
async function writeAll(to: number, bytes: Uint8Array): Promise<boolean> {
  try {
    for (let done = 0; done < bytes.length; ) {
      done += (await writeChunk(to, bytes, done, bytes.length - done, null)).bytesWritten;
    }
    return true;
  } catch (thrown) {
    if (systemErrno(thrown) === EPIPE) return false;
    throw thrown;
  }
}

/** The programs that undo it. */
export type Compression = "gzip" | "zstd";

/** How a layer is compressed, told by its first bytes. */
export async function compression(from: number): Promise<Compression | undefined> {
  const magic = Buffer.alloc(4);
  await readChunk(from, magic, 0, magic.length, 0);
  if (magic.readUInt16BE(0) === 0x1f8b) return "gzip";
  return magic.readUInt32LE(0) === 0xfd2fb528 ? "zstd" : undefined;
}

/** @throws BadBlob when there is no such file */
export async function withBlob<T>(tree: Tree, blob: Blob, use: (descriptor: number) => Promise<T>): Promise<T> {
  const descriptor = tree.openFile(blob.path);
  if (descriptor === undefined) throw new BadBlob(`${blob.path} is missing`);
  try {
    return await use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
