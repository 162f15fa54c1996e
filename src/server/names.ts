/** Which server has which context, told by the state of those that are set up. Root only. */
import { hostContext, spectatorContext } from "../context/abi.ts";
import { states } from "./life/state.ts";
import type { ServerName } from "./name.ts";

export function serversByContext(): ReadonlyMap<number, ServerName> {
  return new Map(states().flatMap(({ xid, name }) => (xid === null ? [] : [[xid, name] as const])));
}

/** Names of contexts as vps prints them: MAIN, ALL_PROCS, the server's, UNKNOWN. */
export function contextNames(): (xid: number) => string {
  const servers = serversByContext();
  return (xid) => {
    if (xid === hostContext) return "MAIN";
    return xid === spectatorContext ? "ALL_PROCS" : (servers.get(xid) ?? "UNKNOWN");
  };
}
