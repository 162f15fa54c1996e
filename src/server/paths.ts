/** Where a server's conf file, tree and state are. Asked for every time: nothing is remembered. */
import { join } from "node:path";
import { runDirectory } from "../context/rundir.ts";
import { readGlobalConf } from "./conf/global.ts";
import type { ServerName } from "./name.ts";

/** Directory of the conf files: /etc/vservers, or VSERVER_CONF_DIR. */
export function confDirectory(): string {
  return process.env["VSERVER_CONF_DIR"] || "/etc/vservers";
}

/** Directory of the trees: VSERVER_ROOT, or VSERVERS of /etc/vserver.conf, or /vservers. */
export function serversRoot(): string {
  return process.env["VSERVER_ROOT"] || readGlobalConf().conf.vservers;
}

export const confFile = (name: ServerName): string => join(confDirectory(), `${name}.conf`);
/** The script that is called before and after start and stop. */
export const hookFile = (name: ServerName): string => join(confDirectory(), `${name}.sh`);
/** Further scripts, called after that one in the order of their names. */
export const hookDirectory = (name: ServerName): string => join(confDirectory(), `${name}.sh.d`);
/** What is mounted in the server, in the form of fstab(5). */
export const mountTable = (name: ServerName): string => join(confDirectory(), `${name}.fstab`);
/** What `verify` looks at, in the syntax of aide.conf(5). */
export const verifyRules = (name: ServerName): string => join(confDirectory(), `${name}.aide`);
const library = "/var/lib/vserver";
/** What we remember of a server from one boot to the next. */
export const libraryDirectory = (name: ServerName): string => join(library, name);
/** Renames that have begun: each a symbolic link, named after the server, to its new name. No server's name has a dot first. */
export const renamesDirectory = join(library, ".renames");
/** The root of the server's tree. */
export const serverDirectory = (name: ServerName): string => join(serversRoot(), name);
/** What is known of a running server. */
export const stateDirectory = (name: ServerName): string => join(runDirectory, name);
