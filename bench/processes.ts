/** Time and memory of whole processes against the peers, on this machine and in the test machine, all in turn. */
import { arch, release } from "node:os";
import { join } from "node:path";
import { kernels } from "../machine/options.ts";
import { VserverError } from "../src/text/error.ts";
import { buildDirectory, compile, output, root } from "./process.ts";
import { showing } from "./progress.ts";
import { parseRaces, raceReport } from "./race.ts";
import type { Report } from "./report.ts";

/** Debian packages of the peers. */
export const peerPackages = ["bubblewrap", "lxc", "runc", "systemd-container", "util-linux"];
/** How often each contestant runs. */
const rounds = { native: 50, machine: 9 } as const;

async function build(): Promise<void> {
  await compile("race", "bench/process/race.c");
  await compile("idle", "bench/process/idle.c");
}

function reports(where: string, text: string, isNative: boolean): readonly Report[] {
  return Object.entries(parseRaces(text)).map(([name, found]) => raceReport(where, name, found, isNative));
}

/**
 * What a script beside native.sh prints that runs on this machine's own kernel. A peer that cannot be installed is told of
 * in the tables.
 */
export async function onThisMachine(script: string, words: readonly string[], seconds: number): Promise<string> {
  if (process.getuid?.() !== 0) {
    const attempt = "measure on this machine";
    throw new VserverError({ object: "bench", attempt, cause: "only root may", wayOut: "become root" });
  }
  await output([join(root, "scripts/packages"), ...peerPackages], { seconds: 300 }).catch((thrown) =>
    console.error(String(thrown instanceof Error ? thrown.message : thrown)),
  );
  const tools = join(root, "build/stage/usr/sbin");
  const own = ["unshare", "--mount", "--propagation", "private"];
  const place = [...own, join(root, "bench/process/native.sh"), process.execPath, tools];
  // Processes that come and go elsewhere are not seen there, and what else runs here is to count little.
  const race = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "chrt", "--fifo", "1"];
  return output([...place, ...race, join(root, "bench/process", script), buildDirectory, ...words], { seconds });
}

/** On this machine's own kernel. */
export async function native(): Promise<readonly Report[]> {
  await build();
  const text = await showing("processes on this machine", () =>
    onThisMachine("inside.sh", [String(rounds.native)], 600),
  );
  return reports(`Linux ${release()} ${arch()}, this machine`, text, true);
}

/** On stock kernels with everything, contexts too; emulation makes times long, so the ratios count. */
export async function machine(): Promise<readonly Report[]> {
  await build();
  const found: Report[] = [];
  for (const kernel of kernels) {
    const command = [join(root, "machine/run"), "--kernel", kernel, "--timeout", "900"];
    const install = peerPackages.flatMap((name) => ["--install", name]);
    const script = `vkernel load >/dev/null && exec /src/bench/process/inside.sh /src/build/bench ${rounds.machine}`;
    const text = await showing(`processes on Linux ${kernel}`, () =>
      output([...command, ...install, "--", "sh", "-c", script], { seconds: 1500 }),
    );
    found.push(...reports(`Linux ${kernel}, emulated`, text, false));
  }
  return found;
}
