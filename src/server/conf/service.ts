/** `/etc/vservices/NAME.conf`: the addresses of a service of the main server. */
import { evaluate } from "./evaluate.ts";
import { Fields } from "./fields.ts";
import { readText } from "./file.ts";
import { parse } from "./parse.ts";
import { BadValue, tokens } from "./value.ts";

const keys = ["IP", "BCAST", "SERVICE"] as const;

export interface ServiceConf {
  /** Devices, addresses or host names, as `chbind --ip` takes them. */
  readonly addresses: readonly string[];
  readonly broadcast: string | undefined;
  /** The init script; undefined = that of the same name. */
  readonly service: string | undefined;
}

export const serviceConfFile = (name: string): string => `/etc/vservices/${name}.conf`;

/** A name of a service: no path. */
export function serviceName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9@._-]{0,63}$/.test(text)) return text;
  throw new BadValue(text, "is not a service's name", "write the name of a script in /etc/init.d", 0);
}

/** Reads the file; a missing one ties the service to eth0, as in 2003. @throws VserverError with file, line and column */
export function readServiceConf(name: string, file = serviceConfFile(name)): ServiceConf {
  const source = { file, text: readText(file) ?? "" };
  const field = new Fields(source, evaluate(source, parse(source), { known: new Set(keys) }));
  return Object.freeze({
    addresses: field.read("IP", (value) => tokens(value).map(({ text }) => text)) ?? ["eth0"],
    broadcast: field.read("BCAST", (value) => value),
    service: field.read("SERVICE", serviceName),
  });
}
