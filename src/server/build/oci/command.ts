/** What an image says of how it is run becomes what the server runs as its process 1. */
import { basename } from "node:path";
import type { Tree } from "../../../linux/beneath.ts";
import { commandFile, type ServerCommand, signalNumber } from "../../life/command.ts";
import type { Job } from "../job.ts";
import { type Json, text, texts } from "./json.ts";

/** What images of whole distributions name: as process 1, without a terminal, it would end at once. */
const shells = new Set(["sh", "ash", "bash", "dash", "zsh", "fish", "ksh"]);
const inits = new Set(["init", "systemd", "openrc-init", "minit", "runit-init"]);

/** @param settings the `config` of an image's configuration; undefined when it names nothing to run */
export function commandOf(settings: Json): ServerCommand | undefined {
  const [program = "", ...words] = [...texts(settings["Entrypoint"]), ...texts(settings["Cmd"])];
  const name = basename(program);
  if (
    program === "" ||
    inits.has(name) ||
    (shells.has(name) && words.every((word) => /^(?:-i|-l|--login)$/.test(word)))
  ) {
    return undefined;
  }
  const directory = text(settings["WorkingDir"]) || "/";
  const signal = text(settings["StopSignal"]) || "SIGTERM";
  return {
    command: [program, ...words],
    environment: texts(settings["Env"]),
    user: text(settings["User"]) ?? "",
    directory: directory.startsWith("/") ? directory : `/${directory}`,
    stopSignal: signalNumber(signal) === undefined ? "SIGTERM" : signal,
  };
}

const initFiles = ["sbin/init", "etc/init.d/rc", "etc/rc.d/rc", "sbin/openrc"];

/** Writes it into the tree; without one the tree's own init counts. */
export function keepCommand(job: Job, tree: Tree, command: ServerCommand | undefined): void {
  // A layer may have brought one: what the image says is what counts.
  tree.remove(commandFile);
  if (command === undefined) {
    if (initFiles.some((path) => tree.exists(path))) return;
    job.warn(`${job.object}: the image has no init and names no service to run; install an init before it is started`);
    return;
  }
  tree.makeDirectory("etc");
  if (!tree.exists(command.directory)) tree.makeDirectory(command.directory);
  tree.write(commandFile, `${JSON.stringify(command, undefined, 2)}\n`);
  const who = command.user === "" ? "" : ` as ${command.user}`;
  job.tell(
    `Its process 1 will be ${JSON.stringify(command.command)}${who}, as the image says: see /${commandFile} in it`,
  );
}
