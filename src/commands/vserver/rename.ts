/** `vserver NAME rename NEW`. */
import { renameServer } from "../../server/manage/rename.ts";
import { serverName } from "../../server/name.ts";
import { UsageError } from "../../text/error.ts";
import type { Call } from "./call.ts";

export async function renameAction(call: Call): Promise<number> {
  const [to, ...more] = call.words;
  if (to === undefined || more.length > 0) throw new UsageError("vserver", `${call.name} rename needs one new NAME`);
  await renameServer(call.name, serverName(to));
  if (!call.silent) console.log(`Server ${call.name} is now ${to}`);
  return 0;
}
