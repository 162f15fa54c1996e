/** Servers with the flag `cow` need cowmgr, one process for all of them: started with the first, and told of when it is gone. */
import { existsSync, realpathSync } from "node:fs";
import { copierProcess, forgetCopies, giveCopies } from "../../context/copies.ts";
import { programPaths } from "../../linux/launch.ts";
import type { Server } from "./server.ts";

const unit = "cowmgr.service";
/** What an administrator who is told that it does not run may do. */
export const copierWayOut = "start it: cowmgr --background";

/** Under systemd as its service, which starts it again when it ends. */
function startCopier(): void {
  const managed = existsSync("/run/systemd/system") ? [["systemctl", "--quiet", "start", unit]] : [];
  const program = programPaths("cowmgr").find(existsSync);
  const alone = program === undefined ? [] : [[program, "--background"]];
  for (const command of [...managed, ...alone]) {
    if (copierProcess() !== undefined) return;
    try {
      Bun.spawnSync(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    } catch {
      // Not installed: the next way, or the complaint.
    }
  }
}

/** A server that is stopped gets no more copies; after the last one cowmgr ends. Safe to repeat. */
export function dropCopies(xid: number): void {
  if (!forgetCopies(xid)) return;
  const copier = copierProcess();
  try {
    if (copier !== undefined) process.kill(copier, "SIGHUP");
  } catch {
    // It has just ended.
  }
}

/**
 * Sets up what the flag says for a server that gets a context.
 *
 * @returns a complaint when its writes to unified files are going to be refused
 */
export function setUpCopies(server: Server, xid: number): string | undefined {
  const object = `vserver ${server.name}: S_FLAGS=cow`;
  if (!server.conf.flags.includes("cow")) {
    dropCopies(xid);
    return undefined;
  }
  const refused = "its writes to unified files are refused";
  const obstacle = giveCopies(xid, realpathSync(server.directory));
  if (obstacle !== undefined) return `${object}: ${refused}: ${obstacle}`;
  startCopier();
  if (copierProcess() !== undefined) return undefined;
  return `${object}: ${refused}: cowmgr does not run; ${copierWayOut}`;
}
