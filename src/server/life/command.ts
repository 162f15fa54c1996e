/** What a server runs as its process 1 in place of an init: the command of the container image that it was made from. */
import { constants, fchownSync } from "node:fs";
import { constants as system } from "node:os";
import { beneath, type Tree } from "../../linux/beneath.ts";
import { type Step, step } from "../../linux/plan/step.ts";
import { VserverError } from "../../text/error.ts";
import { guestPath } from "./entry.ts";
import { initEnvironment } from "./init.ts";
import type { Server } from "./server.ts";

/** In the tree, so that it goes where the tree goes. Root of the server may change it, as it may change an init. */
export const commandFile = "etc/vserver-command.json";
/** What the command writes to its standard output and error, there being nobody else to read it. */
export const commandLog = "var/log/command.log";

export interface ServerCommand {
  readonly command: readonly [string, ...string[]];
  /** KEY=VALUE each. */
  readonly environment: readonly string[];
  /** USER[:GROUP], names or numbers; "" is root. */
  readonly user: string;
  readonly directory: string;
  /** The signal that asks it to end, such as SIGQUIT. */
  readonly stopSignal: string;
}

const isText = (value: unknown): value is string => typeof value === "string" && !value.includes("\0");
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);

/** The number of a signal by name, with or without SIG, or by number; undefined when it is none. */
export function signalNumber(name: string): number | undefined {
  if (/^[0-9]{1,2}$/.test(name)) return Number(name) > 0 && Number(name) < 65 ? Number(name) : undefined;
  return Object.entries(system.signals).find(([one]) => one === name || one === `SIG${name}`)?.[1];
}

/** undefined when the server has none. @throws VserverError when it cannot be read as one */
export function readCommand(tree: Tree): ServerCommand | undefined {
  const text = tree.readText(commandFile);
  if (text === undefined) return undefined;
  const refuse = (cause: string) => {
    const wayOut = "mend it, or remove it and install an init";
    return new VserverError({ object: `${tree.directory}/${commandFile}`, attempt: "read the command", cause, wayOut });
  };
  let value: Partial<Record<keyof ServerCommand, unknown>>;
  try {
    value = Object(JSON.parse(text));
  } catch {
    throw refuse("it is no JSON");
  }
  const { command, environment = [], user = "", directory = "/", stopSignal = "SIGTERM" } = value;
  const [program, ...words] = isTexts(command) ? command : [];
  if (program === undefined || program === "") throw refuse("command is no list of words");
  if (!isTexts(environment)) throw refuse("environment is no list of words");
  if (!isText(user)) throw refuse("user is no text");
  if (!isText(directory) || !directory.startsWith("/")) throw refuse("directory is no absolute path");
  if (!isText(stopSignal) || signalNumber(stopSignal) === undefined) throw refuse("stopSignal is no signal's name");
  return { command: [program, ...words], environment, user, directory, stopSignal };
}

export const commandOf = (server: Server): ServerCommand | undefined =>
  server.conf.flags.includes("fakeinit") ? beneath(server.directory, readCommand) : undefined;

interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
}

const rows = (tree: Tree, path: string): readonly (readonly string[])[] =>
  tree
    .readText(path)
    ?.split("\n")
    .map((line) => line.split(":")) ?? [];

const isNumber = (text: string): boolean => /^[0-9]{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1;

/** Who the words mean by the server's own passwd(5) and group(5). @throws VserverError when nobody */
export function identityOf(object: string, tree: Tree, words: string): Identity {
  const [user = "", group] = words === "" ? ["0"] : words.split(":");
  const refuse = (what: string) =>
    new VserverError({
      object,
      attempt: `become ${words}`,
      cause: `no such ${what}`,
      wayOut: `see ${commandFile} in it`,
    });
  const entry = rows(tree, "etc/passwd").find(([name, , uid]) => name === user || (isNumber(user) && uid === user));
  const uid = entry?.[2] ?? user;
  if (!isNumber(uid)) throw refuse("user");
  const all = rows(tree, "etc/group");
  const wanted = group === undefined || group === "" ? (entry?.[3] ?? "0") : group;
  const gid = isNumber(wanted) ? wanted : (all.find(([name]) => name === wanted)?.[2] ?? "");
  if (!isNumber(gid)) throw refuse("group");
  const name = entry?.[0] ?? "";
  const member = all.filter(([, , , members]) => name !== "" && members?.split(",").includes(name));
  const groups = group === undefined ? member.flatMap(([, , id = ""]) => (isNumber(id) ? [Number(id)] : [])) : [];
  return { uid: Number(uid), gid: Number(gid), groups: [Number(gid), ...groups], home: entry?.[5] || "/" };
}

const variableName = (variable: string): string => variable.slice(0, variable.indexOf("="));

/** @param variables KEY=VALUE each; of two for one key the later counts */
function environmentOf(variables: readonly string[]): readonly string[] {
  return [...new Map(variables.filter((one) => one.includes("=")).map((one) => [variableName(one), one])).values()];
}

export interface CommandProcess {
  /** From when the process is the server's until it executes the command. */
  readonly steps: readonly Step[];
  /** Descriptor of {@link commandLog}, to be closed by the caller. */
  readonly log: number;
}

export function commandProcess(server: Server, what: ServerCommand): CommandProcess {
  const object = `vserver ${server.name}`;
  return beneath(server.directory, (tree) => {
    const identity = identityOf(object, tree, what.user);
    const ids = new Uint8Array(new Uint32Array(identity.groups).buffer);
    const failure = { object, attempt: `become ${what.user}` };
    const program = what.command[0];
    const base = Object.entries({ ...initEnvironment, PATH: guestPath, HOME: identity.home });
    const variables = environmentOf([...base.map(([key, value]) => `${key}=${value}`), ...what.environment]);
    return {
      steps: [
        step("setsid", {}, "ignore"),
        step("environment", { variables }),
        step("chdir", { directory: what.directory }, { object, attempt: `change into its ${what.directory}` }),
        step("groups", { ids }, failure),
        step("user", { uid: identity.uid, gid: identity.gid }, failure),
        step("exec", { file: "", arguments: what.command, append: false }, { object, attempt: `run its ${program}` }),
      ],
      log: openLog(tree, identity),
    };
  });
}

/** Belongs to who writes to it: programs open their standard output again by name. */
function openLog(tree: Tree, { uid, gid }: Identity): number {
  tree.makeDirectory("var/log");
  // What else the server has put there is replaced: a pipe that nobody reads, another name of a file that others have too.
  if (tree.type(commandLog) !== "file" || tree.status(commandLog)?.nlink !== 1) {
    tree.remove(commandLog);
    tree.write(commandLog, "", 0o640);
  }
  const log = tree.openFile(commandLog, constants.O_WRONLY | constants.O_APPEND);
  if (log === undefined) {
    throw new VserverError({
      object: `${tree.directory}/${commandLog}`,
      attempt: "open it",
      cause: "it has gone away",
    });
  }
  fchownSync(log, uid, gid);
  return log;
}
