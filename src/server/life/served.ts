/**
 * What the main server serves to a server, in a directory of its own that the server sees as /dev/vserver and cannot
 * change: rebootmgr makes and removes the sockets in it, whether the server runs or not.
 */
import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runDirectory } from "../../context/rundir.ts";
import { mountFlags } from "../../linux/mount.ts";
import { type Step, step } from "../../linux/plan/step.ts";
import type { ServerName } from "../name.ts";
import { keep } from "./kept.ts";

/** reboot/rebootmgr.h knows this place too. */
const everyone = join(runDirectory, ".served");
export const servedDirectory = (name: ServerName): string => join(everyone, name);

/** A slot of the plan that nothing else uses. */
const slot = 12;
const guestDirectory = "/dev/vserver";

/** Milliseconds that rebootmgr gets to open the socket of a server's log before its first service speaks. */
const patience = 500;

/**
 * @param syslog whether the server's log messages go to the main server
 * @returns a complaint when nobody is there to take them
 */
export async function makeServed(name: ServerName, syslog: boolean): Promise<string | undefined> {
  const directory = servedDirectory(name);
  const [wanted, socket] = [join(directory, "syslog"), join(directory, "log")];
  keep(name, () => {
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    if (syslog) writeFileSync(wanted, "", { mode: 0o600 });
    else rmSync(wanted, { force: true });
  });
  if (syslog === existsSync(socket)) return undefined;
  // rebootmgr watches the parent directory for what comes and goes, and then looks at all of it.
  const poke = join(everyone, `.${name}`);
  mkdirSync(poke, { recursive: true });
  rmdirSync(poke);
  for (const end = Date.now() + patience; syslog && !existsSync(socket); await Bun.sleep(10)) {
    if (Date.now() > end) return `vserver ${name}: its log messages go nowhere (SYSLOG=main): start rebootmgr`;
  }
  return undefined;
}

const sentence = (name: ServerName) => ({ object: `vserver ${name}`, attempt: `make ${guestDirectory}` });

/** Before the root changes. */
export const keepServed = (name: ServerName): Step =>
  step("clone_tree", { slot, path: servedDirectory(name), recursive: 0 }, sentence(name));

/**
 * In the new root, when its /dev and /run are mounted. Programs expect the socket in /dev; System V's shutdown writes to
 * the pipe of process 1, which a server without one of its own finds here.
 */
export function showServed(name: ServerName, ownInit: boolean, syslog: boolean): readonly Step[] {
  const { MS_BIND, MS_REMOUNT, MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC } = mountFlags;
  const readOnly = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  return [
    step("mkdir", { path: guestDirectory, mode: 0o711 }, sentence(name)),
    step("attach", { slot, target: guestDirectory }, sentence(name)),
    step("mount", { source: "", target: guestDirectory, type: "", flags: readOnly, data: "" }, sentence(name)),
    step("symlink", { target: "vserver/reboot", path: "/dev/reboot" }, sentence(name)),
    ...(syslog ? [step("symlink", { target: "vserver/log", path: "/dev/log" }, sentence(name))] : []),
    ...(ownInit
      ? []
      : [step("symlink", { target: `${guestDirectory}/initctl`, path: "/run/initctl" }, sentence(name))]),
  ];
}
