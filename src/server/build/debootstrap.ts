/** `--method debootstrap`: a fresh Debian (or derivative) from its archive, by mmdebstrap where that is installed. */
import { mountFlags } from "../../linux/mount.ts";
import { step } from "../../linux/plan/step.ts";
import { VserverError } from "../../text/error.ts";
import { type GlobalConf, readGlobalConf } from "../conf/global.ts";
import { type AptSource, aptSources, archiveOf, distribution } from "../mirror.ts";
import type { Job } from "./job.ts";
import { cacheFor, mmdebstrapCache } from "./package-cache.ts";
import { findTool, runTool, toolPath } from "./tool.ts";

export interface Bootstrap {
  readonly suite: string | undefined;
  readonly mirror: string | undefined;
  readonly variant: string | undefined;
  readonly include: readonly string[];
}

const inert = mountFlags.MS_NOSUID | mountFlags.MS_NODEV | mountFlags.MS_NOEXEC;
const passedOn = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy"];

interface Archive {
  readonly suite: string;
  readonly mirror: string;
  readonly keyring: string | undefined;
}

/** Command line, /etc/vserver.conf, the machine's own release and archive: the first that says it counts. */
export function chooseArchive(
  object: string,
  wanted: Bootstrap,
  conf: GlobalConf = readGlobalConf().conf,
  host = distribution(),
  sources: readonly AptSource[] = aptSources(),
): Archive {
  const refuse = (cause: string, wayOut: string) =>
    new VserverError({ object, attempt: "choose what to install", cause, wayOut });
  const suite = wanted.suite ?? conf.suite ?? host.codename;
  if (suite === "") throw refuse("this machine's release has no code name", "say --suite");
  const archive = archiveOf(sources, host, suite);
  const mirror = wanted.mirror ?? conf.mirror ?? archive?.uri;
  if (mirror !== undefined) {
    const own = mirror === archive?.uri;
    return { suite, mirror, keyring: own ? archive.keyring : undefined };
  }
  throw refuse("this machine has no Debian archive configured", "say --mirror, or MIRROR in /etc/vserver.conf");
}

/** The proxy apt is told to use; other programs are told by the environment. */
async function proxies(): Promise<readonly string[]> {
  const given = passedOn.flatMap((name) => (process.env[name] ? [`${name}=${process.env[name]}`] : []));
  const config = Bun.which("apt-config", { PATH: toolPath });
  if (given.length > 0 || config === null) return given;
  const asked = Bun.spawn([config, "dump", "--format", "%v%n", "Acquire::http::Proxy"], { stderr: "ignore" });
  const [proxy] = (await new Response(asked.stdout).text()).split("\n");
  return proxy ? [`http_proxy=${proxy}`] : [];
}

export async function debootstrap(job: Job, wanted: Bootstrap): Promise<void> {
  const { suite, mirror, keyring } = chooseArchive(job.object, wanted);
  const attempt = `install ${suite}`;
  const modern = Bun.which("mmdebstrap", { PATH: toolPath });
  const options = [
    ...(wanted.include.length === 0 ? [] : [`--include=${wanted.include.join(",")}`]),
    ...(wanted.variant === undefined ? [] : [`--variant=${wanted.variant}`]),
    ...(keyring === undefined ? [] : [`--keyring=${keyring}`]),
  ];
  const last = [...options, suite, job.staging.tree, mirror];
  const cache = cacheFor(modern === null ? "debootstrap" : "apt", { mirror, suite });
  const command: readonly [string, ...string[]] =
    modern === null
      ? [findTool(job, "debootstrap", "debootstrap"), `--cache-dir=${cache}`, ...last]
      : [modern, "--mode=root", "--format=directory", ...mmdebstrapCache(cache), ...last];
  job.progress.phase(`installing ${suite}`);
  await runTool(job, {
    attempt,
    command,
    environment: [...(await proxies()), "DEBIAN_FRONTEND=noninteractive"],
    // The tool is process 1 of a namespace: its /proc has to be that one's. What it mounts goes with it, however it ends.
    restrictions: [step("mount", { source: "proc", target: "/proc", type: "proc", flags: inert, data: "" })],
    onLine: (line) => {
      const doing = /^I: (.*)$/.exec(line)?.[1];
      if (doing !== undefined) job.progress.detail(doing);
      return doing !== undefined;
    },
  });
}
