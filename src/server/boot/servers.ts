/** The servers of the machine in the order of starting: by PRIORITY, then by name. */
import { readdirSync } from "node:fs";
import { explain } from "../../text/error.ts";
import { readServerConf } from "../conf/read.ts";
import { defaultServerConf } from "../conf/server.ts";
import { states } from "../life/state.ts";
import { isServerName, type ServerName } from "../name.ts";
import { confDirectory } from "../paths.ts";

export interface BootServer {
  readonly name: ServerName;
  readonly priority: number;
  readonly onBoot: boolean;
  /** Why its conf file cannot be used: it is not known then whether it should start. */
  readonly problem: string | undefined;
}

/** Every server that has a conf file, by name. */
export function configuredServers(): readonly ServerName[] {
  try {
    return readdirSync(confDirectory())
      .filter((file) => file.endsWith(".conf"))
      .map((file) => file.slice(0, -".conf".length))
      .filter(isServerName)
      .sort();
  } catch {
    return [];
  }
}

function bootServer(name: ServerName): BootServer {
  try {
    const { conf } = readServerConf(name);
    return { name, priority: conf.priority, onBoot: conf.onBoot, problem: undefined };
  } catch (thrown) {
    return { name, priority: defaultServerConf().priority, onBoot: false, problem: explain(thrown).line };
  }
}

/** Those with a conf file, and those that were started and have lost theirs since. */
export function bootServers(): readonly BootServer[] {
  const names = new Set([...configuredServers(), ...states().map(({ name }) => name)]);
  return [...names]
    .sort()
    .map(bootServer)
    .sort((a, b) => a.priority - b.priority);
}
