/** Reads a server's conf file from disk. */
import { VserverError } from "../../text/error.ts";
import type { ServerName } from "../name.ts";
import { confFile } from "../paths.ts";
import { readText } from "./file.ts";
import { type ParsedServerConf, parseServerConf } from "./server.ts";

/** Exit status where there is no such server, as in 0.30. */
export const noSuchServer = 5;

/**
 * @param profile value of PROFILE before the file is read
 * @throws VserverError when there is no conf file or it is wrong.
 */
export function readServerConf(name: ServerName, profile?: string): ParsedServerConf {
  const file = confFile(name);
  const text = readText(file);
  if (text !== undefined) return parseServerConf(text, file, profile);
  throw new VserverError({
    object: `vserver ${name}`,
    attempt: "read its conf file",
    cause: `there is no ${file}`,
    wayOut: `make the server with vserver ${name} build`,
    exitCode: noSuchServer,
  });
}
