/** `vserver NAME status --watch`: what the server uses and which processes use it, again and again. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isatty } from "node:tty";
import { spectatorSteps } from "../../context/spectator.ts";
import { step } from "../../linux/plan/step.ts";
import { runPlan } from "../../linux/spawn.ts";
import { groupProcesses, serverGroup } from "../../server/life/cgroup.ts";
import { readState } from "../../server/life/state.ts";
import type { ServerName } from "../../server/name.ts";
import { sizeText } from "../../text/amount.ts";
import { statusOf, uptimeText } from "./status.ts";

/** Lines of processes where nobody says how high the window is. */
const usualHeight = 24;
const headLines = 5;
const controlC = 0x03;
const letterQ = 0x71;

function groupFile(name: ServerName, file: string): string {
  const path = join(serverGroup(name), file);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** Microseconds of processor time the server has used. */
const processorTime = (name: ServerName): number =>
  Number(/^usage_usec (\d+)/m.exec(groupFile(name, "cpu.stat"))?.[1] ?? 0);

/** Lines of ps about the server's processes, the busiest first; read in context 1, where they can be seen. */
async function processLines(name: ServerName, most: number): Promise<readonly string[]> {
  const processes = groupProcesses(serverGroup(name));
  if (processes.length === 0) return [];
  const words = ["ps", "-o", "pid,uid,pcpu,rss,etime,args", "--sort=-pcpu", "-p", processes.join(",")];
  const see = readState(name)?.xid === null ? [] : spectatorSteps("vserver");
  const { output } = await runPlan([...see, step("exec", { file: "", arguments: words, append: false })], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  return output.trimEnd().split("\n").slice(0, most);
}

async function screen(name: ServerName, share: number | undefined): Promise<string> {
  const found = statusOf(name);
  const width = process.stdout.columns ?? 80;
  const height = process.stdout.rows ?? usualHeight;
  const head = found.running
    ? [
        `Server ${name} is running in context ${found.context ?? "none"}, up ${uptimeText(found.uptime ?? 0)}`,
        `Addresses: ${found.addresses.join(" ") || "all"}`,
        `Processes: ${found.processes}  Processor: ${share === undefined ? "-" : `${share.toFixed(1)} %`}  Memory: ${sizeText(
          Number(groupFile(name, "memory.current") || 0),
        )}`,
      ]
    : [`Server ${name} is not running`];
  const list = found.running ? await processLines(name, Math.max(1, height - headLines)) : [];
  // A process names itself: nothing it says may steer the terminal.
  const lines = [...head, "", ...list].map((line) => line.replace(/\p{Cc}/gu, "?").slice(0, width));
  return lines.join("\n");
}

/**
 * Prints until ^C or `q`; a terminal's screen is written over, elsewhere the reports follow each other.
 *
 * @param seconds between two reports
 * @param count number of reports; undefined = no end
 */
export async function watchStatus(name: ServerName, seconds: number, count: number | undefined): Promise<number> {
  const terminal = isatty(1);
  let ended = false;
  const { promise: end, resolve } = Promise.withResolvers<void>();
  const finish = () => {
    ended = true;
    resolve();
  };
  process.on("SIGINT", finish);
  process.on("SIGTERM", finish);
  if (terminal && isatty(0)) {
    process.stdin.setRawMode(true);
    process.stdin.on("data", (keys: Uint8Array) => {
      if (keys.includes(controlC) || keys.includes(letterQ)) finish();
    });
  }
  let before = { used: processorTime(name), at: performance.now() };
  try {
    for (let shown = 0; !ended && (count === undefined || shown < count); shown++) {
      if (shown > 0) await Promise.race([Bun.sleep(1000 * seconds), end]);
      if (ended) break;
      const now = { used: processorTime(name), at: performance.now() };
      const share = shown === 0 ? undefined : (now.used - before.used) / (now.at - before.at) / 10;
      before = now;
      const text = await screen(name, share);
      console.log(terminal ? `\x1b[H\x1b[J${text}` : `${text}\n`);
    }
  } finally {
    process.off("SIGINT", finish);
    process.off("SIGTERM", finish);
    if (terminal && isatty(0)) {
      process.stdin.setRawMode(false);
      process.stdin.pause();
    }
  }
  return 0;
}
