/** The contexts that conf files ask for. */
import { existsSync, readdirSync } from "node:fs";
import { VserverError } from "../../text/error.ts";
import { isServerName, type ServerName } from "../name.ts";
import { confDirectory } from "../paths.ts";
import { readServerConf } from "./read.ts";

function contextOf(name: ServerName): number | undefined {
  try {
    return readServerConf(name).conf.context;
  } catch (thrown) {
    // What is wrong with another server's conf file is said when that one is started.
    if (thrown instanceof VserverError) return undefined;
    throw thrown;
  }
}

/** By server. One whose conf file is wrong asks for none. */
export function wantedContexts(): ReadonlyMap<ServerName, number> {
  const names = existsSync(confDirectory()) ? readdirSync(confDirectory(), "utf8") : [];
  const servers = names.flatMap((file) => {
    const name = file.replace(/\.conf$/, "");
    return file !== name && isServerName(name) ? [name] : [];
  });
  return new Map(
    servers.flatMap((name) => [contextOf(name)].flatMap((xid) => (xid === undefined ? [] : [[name, xid]]))),
  );
}
