/** Writes container images: archives and layouts as their specifications say, and as an attacker would have them. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";

/** An entry of a layer: a file unless it says otherwise. */
export interface Entry {
  readonly path: string;
  readonly content?: string | Uint8Array;
  readonly mode?: number;
  readonly owner?: number;
  readonly type?: "directory" | "link" | "hard link" | "character";
  /** Of a link. */
  readonly target?: string;
}

const typeFlags = { file: "0", "hard link": "1", link: "2", character: "3", directory: "5" } as const;
const block = 512;

const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;

/** A header in the format ustar, POSIX.1-1988. */
function header(entry: Entry, size: number): Buffer {
  const { path, mode = entry.type === "directory" ? 0o755 : 0o644, owner = 0, type = "file", target = "" } = entry;
  const bytes = Buffer.alloc(block);
  const fields: readonly (readonly [number, string])[] = [
    ...([
      [0, path],
      [100, octal(mode, 7)],
      [108, octal(owner, 7)],
      [116, octal(owner, 7)],
    ] as const),
    ...([
      [124, octal(size, 11)],
      [136, octal(1e9, 11)],
      [148, " ".repeat(8)],
      [156, typeFlags[type]],
    ] as const),
    // Numbers of /dev/sda, should it be a device.
    ...([
      [157, target],
      [257, "ustar\x0000"],
      [329, octal(8, 7)],
      [337, octal(0, 7)],
    ] as const),
  ];
  for (const [at, text] of fields) bytes.write(text, at, "latin1");
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${octal(sum, 6)} `, 148, "latin1");
  return bytes;
}

export function archive(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const { content: given = "" } = entry;
    const content = typeof given === "string" ? Buffer.from(given) : given;
    return [header(entry, content.length), content, Buffer.alloc(-content.length & (block - 1))];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

const layerArchive = (layer: ImageSpec["layers"][number]): Buffer => (Buffer.isBuffer(layer) ? layer : archive(layer));

export const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export interface ImageSpec {
  /** Entries of an archive, or what stands for one. */
  readonly layers: readonly (readonly Entry[] | Buffer)[];
  /** Of all layers; none unless said. */
  readonly compression?: "gzip" | "zstd";
  readonly settings?: object;
  readonly architecture?: string;
  readonly tag?: string;
}

const compressors = { gzip: gzipSync, zstd: zstdCompressSync } as const;

/** Descriptor of a blob that is written into the layout. */
function blob(layout: string, mediaType: string, content: string | Uint8Array): object {
  const hex = sha256(content);
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  writeFileSync(join(layout, "blobs/sha256", hex), content);
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) };
}

const media = (kind: string): string => `application/vnd.oci.image.${kind}`;

/** What runs here runs what is made here. */
export const architecture = process.arch === "arm64" ? "arm64" : "amd64";

function manifest(layout: string, image: ImageSpec): object {
  const platform = { os: "linux", architecture: image.architecture ?? architecture };
  const archives = image.layers.map(layerArchive);
  const rootfs = { type: "layers", diff_ids: archives.map((one) => `sha256:${sha256(one)}`) };
  const config = JSON.stringify({ ...platform, config: image.settings ?? {}, rootfs });
  const suffix = image.compression === undefined ? "" : `+${image.compression}`;
  const layers = archives.map((one) => {
    const bytes = image.compression === undefined ? one : compressors[image.compression](one);
    return blob(layout, media(`layer.v1.tar${suffix}`), bytes);
  });
  const document = { schemaVersion: 2, config: blob(layout, media("config.v1+json"), config), layers };
  return { ...blob(layout, media("manifest.v1+json"), JSON.stringify(document)), platform };
}

/** Writes images into a layout: those of one tag become an index for several machines. */
export function writeLayout(layout: string, images: readonly ImageSpec[]): void {
  mkdirSync(layout, { recursive: true });
  const manifests = [...Map.groupBy(images, ({ tag }) => tag ?? "latest")].map(([tag, group]) => {
    const all = group.map((one) => manifest(layout, one));
    const [only] = all;
    const index = JSON.stringify({ schemaVersion: 2, manifests: all });
    const found = all.length === 1 ? only : blob(layout, media("index.v1+json"), index);
    return { ...found, annotations: { "org.opencontainers.image.ref.name": tag } };
  });
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** Writes an archive as `docker save` did before version 25. */
export function writeDockerArchive(file: string, image: ImageSpec & { readonly name: string }): void {
  const archives = image.layers.map(layerArchive);
  const rootfs = { type: "layers", diff_ids: archives.map((one) => `sha256:${sha256(one)}`) };
  const config = JSON.stringify({ os: "linux", architecture, config: image.settings ?? {}, rootfs });
  const Layers = archives.map((one) => `${sha256(one)}/layer.tar`);
  const list = [{ Config: `${sha256(config)}.json`, RepoTags: [image.name], Layers }];
  const files = [
    ...archives.map((one, at) => ({ path: Layers[at] ?? "", content: one })),
    { path: `${sha256(config)}.json`, content: config },
    { path: "manifest.json", content: JSON.stringify(list) },
  ];
  writeFileSync(file, archive(files));
}
