/** The program that the test machine runs once it is up: mounts what is shared, then becomes the command. */
import type { Share } from "./options.ts";

export interface Terminal {
  readonly type: string;
  readonly rows: number;
  readonly columns: number;
}

export interface Job {
  readonly command: readonly string[];
  /** Text to be found in the machine as /run/machine/script. */
  readonly script?: Uint8Array;
  /** The command gets the machine's terminal instead of the output ports. */
  readonly terminal?: Terminal;
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** A script is for bash unless its first line names another interpreter. */
export function scriptJob(script: Uint8Array): Job {
  const named = script[0] === 0x23 && script[1] === 0x21;
  return { command: named ? ["/run/machine/script"] : ["bash", "/run/machine/script"], script };
}

/** What goes through the first port: both sizes on a line, then both texts. */
export function encodeJob(job: Job, shares: readonly Share[]): Uint8Array {
  const lines = ["#!/bin/bash"];
  shares.forEach(({ to }, at) => {
    lines.push(`mkdir -p ${quote(to)} && mount -t virtiofs share${at} ${quote(to)} || exit 70`);
  });
  if (job.terminal !== undefined) {
    // Opened by a session leader without a terminal, it becomes the controlling one.
    lines.push("exec </dev/hvc0 >/dev/hvc0 2>&1", `export TERM=${quote(job.terminal.type)}`);
    lines.push(`stty sane rows ${job.terminal.rows} columns ${job.terminal.columns}`);
  }
  lines.push(`exec ${job.command.map(quote).join(" ")}`, "");
  const program = Buffer.from(lines.join("\n"));
  const script = job.script ?? new Uint8Array();
  return Buffer.concat([Buffer.from(`${program.length} ${script.length}\n`), program, script]);
}
