/** Open files of the whole server, sockets, pipes and everything else with a descriptor included: counted by the kernel half. */
import { allFiles, readContextLimit, readContextUsage, writeContextLimit } from "../../context/limits.ts";
import { attachFileCounting } from "../../context/load.ts";
import { unlimited } from "../conf/amounts.ts";
import { needsContext, type Resource } from "./resource.ts";

export const files: Resource<"FILES"> = {
  key: "FILES",
  obstacle: needsContext,
  set({ xid }, value) {
    const limit = xid === null ? undefined : readContextLimit(xid);
    if (xid === null || limit === undefined) return;
    if (value !== unlimited) attachFileCounting();
    // Counting goes on when the limit is lifted: another one may be set later.
    const most = value === unlimited ? (limit.files === undefined ? undefined : allFiles) : BigInt(value);
    writeContextLimit(xid, { ...limit, files: most });
  },
  limit({ xid }) {
    const most = xid === null ? undefined : readContextLimit(xid)?.files;
    return most === undefined || most === allFiles ? undefined : Number(most);
  },
  used({ xid }) {
    return xid === null || readContextLimit(xid)?.files === undefined ? undefined : readContextUsage(xid)?.files;
  },
  hits({ xid }) {
    return xid === null || readContextLimit(xid)?.files === undefined ? undefined : readContextUsage(xid)?.filesRefused;
  },
};
