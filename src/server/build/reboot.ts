/** Every server gets vreboot and vhalt, by which its root has it restarted or stopped: one static program, two names. */
import { existsSync, readFileSync } from "node:fs";
import type { Tree } from "../../linux/beneath.ts";
import { programPaths } from "../../linux/launch.ts";
import { VserverError } from "../../text/error.ts";

/** @throws VserverError when our own installation lacks the program. */
export function installReboot(tree: Tree): void {
  const paths = programPaths("vreboot");
  const found = paths.find((path) => existsSync(path));
  if (found === undefined) {
    const cause = `there is no ${paths.join(" or ")}`;
    const wayOut = "install vserver completely";
    throw new VserverError({ object: "vserver", attempt: "give the server its vreboot", cause, wayOut });
  }
  if (!tree.exists("sbin")) tree.makeDirectory("sbin");
  tree.write("sbin/vreboot", readFileSync(found), 0o755);
  tree.link("sbin/vhalt", "vreboot");
}
