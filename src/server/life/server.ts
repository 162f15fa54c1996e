/** A server as a command sees it: its name, its checked conf, its tree, and how it is held apart on this kernel. */
import { existsSync, statSync } from "node:fs";
import { ensureLoaded } from "../../context/load.ts";
import { findings } from "../../context/support.ts";
import { VserverError } from "../../text/error.ts";
import { readGlobalConf } from "../conf/global.ts";
import { readServerConf } from "../conf/read.ts";
import { defaultServerConf, type ServerConf } from "../conf/server.ts";
import type { ServerName } from "../name.ts";
import { serverDirectory } from "../paths.ts";
import { readState } from "./state.ts";

export interface Server {
  readonly name: ServerName;
  readonly conf: ServerConf;
  /** Root of its tree on the main server. */
  readonly directory: string;
  readonly fakeinit: boolean;
}

/** PROFILE of the environment, by which whoever starts a server chooses; "" = what the conf file says. */
export const wantedProfile = (): string => process.env["PROFILE"] ?? "";

/**
 * @param profile PROFILE before the file is read; of a server that runs, the one it was started with, unless said
 * @throws VserverError when the conf is missing or wrong, or there is no tree.
 */
export function readServer(name: ServerName, profile = readState(name)?.profile): Server {
  const { conf, warnings } = readServerConf(name, profile);
  for (const warning of warnings) console.error(warning);
  const directory = serverDirectory(name);
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new VserverError({
      object: `vserver ${name}`,
      attempt: "use its tree",
      cause: `there is no directory ${directory}`,
      wayOut: `make the server with vserver ${name} build`,
    });
  }
  const fakeinit = conf.flags.includes("fakeinit") || conf.flags.includes("minit");
  return { name, conf, directory, fakeinit };
}

/**
 * The server, to be stopped: what its conf file says by now must not keep it running.
 *
 * @throws VserverError like {@link readServer} when nothing of it stands.
 */
export function readServerToStop(name: ServerName): Server {
  try {
    return readServer(name);
  } catch (thrown) {
    const state = readState(name);
    if (!(thrown instanceof VserverError) || state === undefined) throw thrown;
    console.error(thrown.message);
    return { name, conf: defaultServerConf(), directory: serverDirectory(name), fakeinit: state.fakeinit };
  }
}

/**
 * Whether the server gets a security context: true, unless /etc/vserver.conf says CONTEXTS=optional, the kernel has none,
 * and the server has a PID namespace to stand in for it.
 *
 * @throws VserverError when contexts are required and cannot be had.
 */
export async function useContexts(server: Server): Promise<boolean> {
  const possible = findings().every((finding) => finding.ok);
  if (possible || readGlobalConf().conf.contexts === "required") {
    await ensureLoaded(`vserver ${server.name}`);
    return true;
  }
  if (server.fakeinit) return false;
  throw new VserverError({
    object: `vserver ${server.name}`,
    attempt: "start without security contexts",
    cause: "only a server with the flag fakeinit can do without them",
    wayOut: "add fakeinit to S_FLAGS, or boot a kernel that vkernel check approves of",
  });
}

export const rootOnly = (name: ServerName, attempt: string): void => {
  if (process.getuid?.() === 0) return;
  throw new VserverError({ object: `vserver ${name}`, attempt, cause: "only root may", wayOut: "become root" });
};

/** Whether the server's tree has this file; a link counts wherever it leads. */
export const hasFile = (server: Server, path: string): boolean =>
  existsSync(`${server.directory}${path}`) ||
  statSync(`${server.directory}${path}`, { throwIfNoEntry: false }) !== undefined;
