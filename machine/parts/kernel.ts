/** A kernel of Debian's, unpacked and not installed: DIRECTORY/vmlinuz and DIRECTORY/modules/VERSION. */
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VserverError } from "../../src/text/error.ts";
import type { Kernel } from "../options.ts";
import type { Part } from "./cache.ts";
import { output } from "./command.ts";
import { mirror, sourceLine } from "./mirror.ts";

const suites: Readonly<Record<Kernel, string>> = { "6.12": "trixie", "7": "trixie-backports" };
const metapackage = "linux-image-cloud-amd64";

/** Packages of one kernel version; later Debians split them into image, binary and modules. */
const versioned = /^linux-(?:image|binary|modules)-[0-9]\S*$/;

export function kernelPart(kernel: Kernel): Part {
  const suite = suites[kernel];
  return {
    about: `Linux ${kernel}`,
    name: `kernel-${kernel}`,
    recipe: ["2", suite, metapackage],
    make: async (path) => unpack(await download(suite, join(path, "apt")), path, kernel),
  };
}

/** Downloads into `folder` with an apt that knows nothing but `suite`, and has nothing installed. */
async function download(suite: string, folder: string): Promise<string[]> {
  mkdirSync(join(folder, "lists/partial"), { recursive: true });
  mkdirSync(join(folder, "cache/archives/partial"), { recursive: true });
  writeFileSync(join(folder, "status"), "");
  writeFileSync(join(folder, "sources.list"), `${sourceLine(await mirror(), suite)}\n`);
  const settings = {
    "Dir::Etc::SourceList": join(folder, "sources.list"),
    "Dir::Etc::SourceParts": "-",
    "Dir::Etc::Preferences": "/dev/null",
    "Dir::Etc::PreferencesParts": "-",
    "Dir::State::Lists": join(folder, "lists"),
    "Dir::State::Status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
    "APT::Architecture": "amd64",
    "APT::Architectures": "amd64",
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  await output(["apt-get", ...options, "-qq", "update"], `read the package lists of ${suite}`);
  const query = ["depends", "--recurse", "--no-recommends", "--no-suggests", "--no-breaks", "--no-conflicts"];
  const related = await output(["apt-cache", ...options, ...query, metapackage], `ask what ${metapackage} needs`);
  const packages = [...new Set(related.split("\n").filter((line) => versioned.test(line)))];
  await output(["apt-get", ...options, "-qq", "download", ...packages], "download the kernel", folder);
  return readdirSync(folder).flatMap((name) => (name.endsWith(".deb") ? [join(folder, name)] : []));
}

async function unpack(archives: readonly string[], path: string, kernel: Kernel): Promise<void> {
  const attempt = `unpack Linux ${kernel}`;
  const tree = join(path, "tree");
  for (const archive of archives) await output(["dpkg-deb", "-x", archive, tree], attempt);
  const modules = join(tree, "usr/lib/modules");
  const [version] = readdirSync(modules);
  if (version === undefined || !version.startsWith(`${kernel}.`)) {
    throw new VserverError({ object: "machine", attempt, cause: `the suite has ${version ?? "no kernel"}` });
  }
  symlinkSync("usr/lib", join(tree, "lib"));
  await output(["depmod", "-b", tree, version], attempt);
  const images = [join(tree, "boot", `vmlinuz-${version}`), join(modules, version, "vmlinuz")];
  const image = (await Promise.all(images.map((file) => Bun.file(file).exists()))).indexOf(true);
  copyFileSync(images[image] ?? images.join(" or "), join(path, "vmlinuz"));
  renameSync(modules, join(path, "modules"));
  rmSync(tree, { recursive: true });
  rmSync(join(path, "apt"), { recursive: true });
}
