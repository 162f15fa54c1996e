/** The conf file of a new server: written once, complete or not at all; an existing one is never changed. */
import { existsSync, linkSync, mkdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Tree } from "../../linux/beneath.ts";
import { systemErrno, systemWords } from "../../linux/system-error.ts";
import { VserverError } from "../../text/error.ts";
import type { RootAddress } from "../conf/addresses.ts";
import { wantedContexts } from "../conf/contexts.ts";
import { readServerConf } from "../conf/read.ts";
import { defaultServerConf, flagList, type ServerConf, type ServerFlag } from "../conf/server.ts";
import { confValues, writeServerConf } from "../conf/write.ts";
import { commandFile } from "../life/command.ts";
import type { ServerName } from "../name.ts";
import { confDirectory, confFile } from "../paths.ts";

const EEXIST = 17;

/** What the command line says of the conf file; undefined = nothing. */
export interface WantedConf {
  readonly hostName: string | undefined;
  readonly addresses: readonly RootAddress[] | undefined;
  readonly context: number | undefined;
  readonly flags: readonly ServerFlag[] | undefined;
}

/** Nobody has this address: a server with an unedited conf file reaches nothing. */
const placeholder: RootAddress = { device: undefined, kind: "ipv4", host: "1.2.3.4", prefix: undefined };

function wantedFields(wanted: WantedConf): Partial<ServerConf> {
  return {
    ...(wanted.hostName === undefined ? {} : { hostName: wanted.hostName }),
    ...(wanted.addresses === undefined ? {} : { iproot: wanted.addresses }),
    ...(wanted.context === undefined ? {} : { context: wanted.context }),
    ...(wanted.flags === undefined ? {} : { flags: wanted.flags }),
  };
}

/**
 * The conf file that is there already, if one is.
 *
 * @throws VserverError when it is wrong, or says something else than the command line does.
 */
export function presentConf(name: ServerName, wanted: WantedConf): ServerConf | undefined {
  const file = confFile(name);
  if (!existsSync(file)) return undefined;
  const { conf } = readServerConf(name);
  const present = confValues(conf);
  const asked = confValues({ ...conf, ...wantedFields(wanted) });
  for (const key of ["S_HOSTNAME", "IPROOT", "S_CONTEXT", "S_FLAGS"] as const) {
    if (present[key] === asked[key]) continue;
    const cause = `it exists and ${present[key] === undefined ? "does not set it" : `says ${present[key]}`}`;
    throw new VserverError({ object: file, attempt: `set ${key} to ${asked[key]}`, cause, wayOut: "change it there" });
  }
  return conf;
}

/** @throws VserverError when another server has the context already. */
export function expectFreeContext(name: ServerName, context: number | undefined): void {
  if (context === undefined) return;
  for (const [other, wanted] of wantedContexts()) {
    if (other === name || wanted !== context) continue;
    const cause = `${confFile(other)} has it already`;
    throw new VserverError({
      object: `vserver ${name}`,
      attempt: `use the context ${context}`,
      cause,
      wayOut: "choose another, or none",
    });
  }
}

/** A tree without System V's `rc` is started by its own init, if it has one, or by the command of its image. */
function usualFlags(tree: Tree): readonly ServerFlag[] {
  if (tree.exists(commandFile)) return flagList("lock nproc fakeinit");
  const hasRc = ["etc/init.d/rc", "etc/rc.d/rc"].some((path) => tree.exists(path));
  return !hasRc && tree.exists("sbin/init") ? flagList("lock nproc fakeinit") : defaultServerConf().flags;
}

export function freshConf(name: ServerName, wanted: WantedConf, tree: Tree): ServerConf {
  return {
    ...defaultServerConf(),
    profile: "prod",
    hostName: name,
    iproot: [placeholder],
    flags: usualFlags(tree),
    ...wantedFields(wanted),
  };
}

const unfinishedConf = (name: ServerName): string => join(confDirectory(), `.${name}.conf.new`);

/** Removes what a killed build has left beside the conf file; called while no other build of the server runs. */
export const forgetUnfinishedConf = (name: ServerName): void => rmSync(unfinishedConf(name), { force: true });

/** False when somebody else has made one meanwhile: that one stays. */
export function writeConf(name: ServerName, conf: ServerConf): boolean {
  const file = confFile(name);
  const temporary = unfinishedConf(name);
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, writeServerConf(conf), { mode: 0o644, flag: "wx" });
    linkSync(temporary, file);
    return true;
  } catch (thrown) {
    if (systemErrno(thrown) === EEXIST) return false;
    throw new VserverError({ object: file, attempt: "write it", cause: systemWords(thrown) ?? String(thrown) });
  } finally {
    if (existsSync(temporary)) unlinkSync(temporary);
  }
}
