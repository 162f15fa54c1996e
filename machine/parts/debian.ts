/** Debian 13 trees made by mmdebstrap, with nothing started and no package files left in them. */
import { output } from "./command.ts";
import { mirror, proxyOptions, sourceLine } from "./mirror.ts";

export const suite = "trixie";

export interface Debian {
  readonly packages: readonly string[];
  /** Shell commands run at the end on the host; "$1" is the tree. */
  readonly finish: readonly string[];
}

export const debianRecipe = (debian: Debian): string[] => [suite, ...debian.packages, "--", ...debian.finish];

/** A tool that mounts in its tree: its mounts and its processes end with it, and it ends with us, however that is. */
const contained = "setpriv --pdeathsig KILL -- unshare --mount --pid --fork --kill-child --mount-proc --".split(" ");

/** Makes `path`, a directory or (with `format` tar) an archive. */
export async function makeDebian(debian: Debian, format: "directory" | "tar", path: string): Promise<void> {
  const options = ["--quiet", "--variant=minbase", "--architectures=amd64", `--format=${format}`];
  options.push(`--include=${debian.packages.join(",")}`, "--dpkgopt=path-exclude=/usr/share/locale/*");
  for (const proxy of await proxyOptions()) options.push(`--aptopt=${proxy}`);
  for (const command of debian.finish) options.push(`--customize-hook=${command}`);
  const line = sourceLine(await mirror(), suite);
  await output([...contained, "mmdebstrap", ...options, suite, path, line], `make a Debian tree with mmdebstrap`);
}
