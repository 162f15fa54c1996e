/** Which files an image consists of, in an OCI layout or in what `docker save` writes: every digest checked on the way. */
import type { Tree } from "../../../linux/beneath.ts";
import { BadBlob, type Blob, digestOf, readJson, readPlainJson } from "./blob.ts";
import { type Json, list, object, objects, text, texts } from "./json.ts";

export interface Image {
  /** The lowest first. */
  readonly layers: readonly Blob[];
  /** What the image says of how it is run: its configuration's `config`. */
  readonly settings: Json;
}

/** The architecture as Go calls it, which is what images say. */
export const ownArchitecture = (arch: string = process.arch): string =>
  ({ x64: "amd64", ia32: "386", ppc64: "ppc64le" })[arch] ?? arch;

const mostLayers = 1000;
/** Indexes within indexes. */
const deepest = 4;

const tagAnnotations = ["org.opencontainers.image.ref.name", "io.containerd.image.name"];

/** `latest` is meant by `latest` and is the tag of `docker.io/library/nginx:latest`. */
const isNamed = (name: string, tag: string): boolean => name === tag || name.endsWith(`:${tag}`);

const naming = (names: readonly string[]): string =>
  names.length === 0 ? "its images have no names" : `there is ${[...new Set(names)].join(", ")}`;

function namesOf(descriptor: Json): readonly string[] {
  const annotations = object(descriptor["annotations"]) ?? {};
  return tagAnnotations.flatMap((key) => text(annotations[key]) ?? []);
}

/** The descriptors of one name. @throws BadBlob when there is none of it, or several without a name to choose by */
function tagged(all: readonly Json[], tag: string | undefined): readonly Json[] {
  const names = all.flatMap(namesOf);
  if (tag !== undefined) {
    const found = all.filter((one) => namesOf(one).some((name) => isNamed(name, tag)));
    if (found.length === 0) throw new BadBlob(`it has no image ${tag}; ${naming(names)}`);
    return found;
  }
  if (new Set(all.map((one) => namesOf(one).join(" "))).size > 1) {
    throw new BadBlob(`it has several images: say which with PATH:TAG; ${naming(names)}`);
  }
  return all;
}

function platformOf(descriptor: Json): string | undefined {
  const platform = object(descriptor["platform"]);
  return platform === undefined ? undefined : `${text(platform["os"])}/${text(platform["architecture"])}`;
}

/** The one for this machine; among several the one for the least of processors. */
function fitting(all: readonly Json[], architecture: string): Json {
  const wanted = `linux/${architecture}`;
  const fit = all.filter((one) => [undefined, wanted].includes(platformOf(one)));
  const variant = (one: Json) => text(object(one["platform"])?.["variant"]) ?? "";
  const [first] = fit.toSorted((one, other) => (variant(one) < variant(other) ? -1 : 1));
  if (first !== undefined) return first;
  const others = [...new Set(all.flatMap((one) => platformOf(one) ?? []))].join(", ");
  throw new BadBlob(`it is for ${others || "no machine"}, not for ${wanted}`);
}

function blobOf(descriptor: unknown, what: string): Blob {
  const words = text(object(descriptor)?.["digest"]);
  const digest = digestOf(words);
  if (digest === undefined) throw new BadBlob(`its ${what} has no digest that is known here: ${words ?? "none"}`);
  return { path: `blobs/${digest.algorithm}/${digest.hex}`, digest };
}

/** Follows an index to the manifest for this machine. */
function manifestOf(tree: Tree, index: Json, tag: string | undefined, architecture: string): Json {
  let candidates = tagged(descriptors(index), tag);
  for (let depth = 0; depth < deepest; depth++) {
    const found = object(readJson(tree, blobOf(fitting(candidates, architecture), "manifest")));
    if (found === undefined) break;
    if (found["manifests"] === undefined) return found;
    candidates = descriptors(found);
  }
  throw new BadBlob("its index leads to no manifest");
}

const descriptors = (index: Json): readonly Json[] => objects(index["manifests"]);

function checkedSettings(config: unknown, architecture: string): Json {
  const about = object(config) ?? {};
  const platform = { os: text(about["os"]) || "linux", architecture: text(about["architecture"]) || architecture };
  if (platform.os !== "linux" || platform.architecture !== architecture) {
    throw new BadBlob(`it is for ${platform.os}/${platform.architecture}, not for linux/${architecture}`);
  }
  return object(about["config"]) ?? {};
}

function counted(layers: readonly Blob[]): readonly Blob[] {
  if (layers.length > 0 && layers.length <= mostLayers) return layers;
  throw new BadBlob(`it has ${layers.length} layers`);
}

function readLayout(tree: Tree, index: Json, tag: string | undefined, architecture: string): Image {
  const manifest = manifestOf(tree, index, tag, architecture);
  const layers = list(manifest["layers"]).map((layer) => {
    const type = text(object(layer)?.["mediaType"]) ?? "";
    if (!/(?:\.tar(?:[.+](?:gzip|zstd))?)$/.test(type)) throw new BadBlob(`it has a layer that is no archive: ${type}`);
    return blobOf(layer, "layer");
  });
  const config = readJson(tree, blobOf(manifest["config"], "configuration"));
  return { layers: counted(layers), settings: checkedSettings(config, architecture) };
}

/** What docker itself writes before version 25: the layers are named by the digests in the configuration, which its name vouches for. */
function readDocker(tree: Tree, entries: readonly unknown[], tag: string | undefined, architecture: string): Image {
  const images = objects(entries);
  const tags = (one: Json) => texts(one["RepoTags"]);
  const found = tag === undefined ? images : images.filter((one) => tags(one).some((name) => isNamed(name, tag)));
  const [image, another] = found;
  if (image === undefined || another !== undefined) {
    const cause = image === undefined ? `it has no image ${tag}` : "it has several images: say which with PATH:TAG";
    throw new BadBlob(`${cause}; ${naming(images.flatMap(tags))}`);
  }
  const configPath = text(image["Config"]) ?? "";
  const digest = digestOf(`sha256:${/([0-9a-f]{64})(?:\.json)?$/.exec(configPath)?.[1]}`);
  if (digest === undefined) throw new BadBlob("its configuration is not named by its digest");
  const config = object(readJson(tree, { path: configPath, digest })) ?? {};
  const contents = texts(object(config["rootfs"])?.["diff_ids"]).map(digestOf);
  const layers = texts(image["Layers"]).map((path, at) => {
    const content = contents[at];
    if (content === undefined) throw new BadBlob(`its configuration has no digest of the layer ${path}`);
    return { path, digest: content };
  });
  return { layers: counted(layers), settings: checkedSettings(config, architecture) };
}

/** @throws BadBlob for what is no image, has none of that name or for this machine, or is not what its digests say */
export function readImage(tree: Tree, tag: string | undefined, architecture: string): Image {
  const index = object(readPlainJson(tree, "index.json"));
  if (index !== undefined) return readLayout(tree, index, tag, architecture);
  const saved = readPlainJson(tree, "manifest.json");
  if (Array.isArray(saved)) return readDocker(tree, saved, tag, architecture);
  throw new BadBlob("it has neither an index.json (OCI layout) nor a manifest.json (docker save)");
}
