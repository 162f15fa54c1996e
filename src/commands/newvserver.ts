/** newvserver: makes a virtual server by asking, or from options alone. */
import { readFileSync } from "node:fs";
import { isatty } from "node:tty";
import { findings } from "../context/support.ts";
import { devices } from "../linux/ip.ts";
import { configuredServers } from "../server/boot/servers.ts";
import { readGlobalConf } from "../server/conf/global.ts";
import { distribution } from "../server/mirror.ts";
import {
  type Answers,
  keys,
  questions,
  questionsFor,
  type Surroundings,
  sameCommand,
  settled,
  withSuggestions,
} from "../server/newserver/questions.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

const values: Readonly<Record<(typeof keys)[number], string>> = {
  name: "NAME",
  desc: "TEXT",
  clone: "SOURCE",
  unify: "yes|no",
  hostname: "NAME",
  ip: "ADDR[/PREFIX]",
  ondev: "DEVICE",
  onboot: "yes|no",
  priority: "N",
  share: "DIR[:PLACE]",
  key: "FILE",
  start: "yes|no",
};

/** Given up at a question. */
const givenUp = 130;

const manual: Manual = {
  name: "newvserver",
  section: 8,
  summary: "make a virtual server, with questions and suggestions",
  synopsis: ["newvserver [OPTIONS]", "newvserver --name NAME [OPTIONS] --yes"],
  description: [
    "Asks what has to be known of a new server, one question at a time: each with a suggestion, which Enter takes, and with what is wrong said while it is typed. Escape goes back to the question before. What was given as an option is suggested. Before anything is done it shows a summary and the command that does the same without a question.",
    "With --yes nothing is asked: what no option says is as suggested. --clone takes /, a copy of this machine; #RELEASE, a fresh Debian; the name of another server; the path of an archive of a root file system; oci:/PATH[:TAG], a container image; or rpm:/DIRECTORY, the rpm packages there. With --unify yes, which is suggested where the kernel can protect shared files, the copy of another server shares its files with it, as vserver-build(8) --unify does.",
    "The server is built by vserver NAME build; the rest goes into its conf file and, for what it shares, its table of mounts.",
  ],
  options: [
    ...questions.map(({ key, label, about }) => ({
      flag: `--${key}`,
      value: values[key],
      about: about === "" ? label : `${label}: ${about}`,
    })),
    { flag: "--password-file", value: "FILE", about: "the first line of FILE is the password of its root" },
    { flag: "--yes", about: "ask nothing" },
    { flag: "--dry-run", about: "say what would be made, and make nothing" },
  ],
  exits: [
    ["0", "the server is there"],
    ["1", "it is not, and standard error says why"],
    ["2", "wrong usage, or an answer that cannot be"],
    [String(givenUp), "given up; nothing was done"],
  ],
  examples: [
    {
      command: "newvserver --name web1 --ip 10.0.0.2/24 --ondev eth0 --yes --dry-run",
      about: "What would be made of this?",
    },
  ],
  seeAlso: ["vserver-build(8)", "vserver(8)", "vserver.conf(5)"],
};

function surroundings(): Surroundings {
  return {
    servers: configuredServers(),
    devices: devices().filter((device) => device !== "lo"),
    suite: readGlobalConf().conf.suite ?? distribution().codename,
    protects: findings().every(({ ok }) => ok),
  };
}

function given(args: Arguments): Partial<Answers> {
  return Object.fromEntries(keys.flatMap((key) => (args.has(`--${key}`) ? [[key, args.value(`--${key}`) ?? ""]] : [])));
}

/** @throws UsageError for the first answer that cannot be. */
function expectRight(answers: Answers, around: Surroundings): void {
  for (const { key, wrong } of questions) {
    const problem = wrong(answers[key], answers, around);
    if (problem !== undefined)
      throw new UsageError(manual.name, `--${key} ${JSON.stringify(answers[key])}: ${problem}`);
  }
}

function summary(answers: Answers, around: Surroundings): string {
  const rows = questionsFor(answers).map(({ key, label }) => `  ${label}: ${answers[key] || "-"}`);
  return [...rows, "", "The same without a question:", `  ${sameCommand(answers, around)}`].join("\n");
}

/** Asks one question after the other; undefined when given up. */
async function converse(start: Partial<Answers>, around: Surroundings): Promise<Answers | undefined> {
  const { askQuestion, choose } = await import("./newvserver/draw.ts");
  const said: Partial<Record<keyof Answers, string>> = { ...start };
  for (let at = 0; ; ) {
    const answers = settled(said, around);
    const question = questionsFor(answers)[at];
    if (question === undefined) {
      console.log(`\n${summary(answers, around)}\n`);
      const choices = [
        { value: "make", label: "make it" },
        { value: "back", label: "go back" },
        { value: "quit", label: "give up" },
      ];
      const reply = await choose("Shall it be made?", choices, "make");
      if (reply.kind === "quit" || (reply.kind === "answer" && reply.text === "quit")) return undefined;
      if (reply.kind === "answer" && reply.text === "make") return answers;
      at--;
      continue;
    }
    const reply = await askQuestion(question, said[question.key] ?? question.suggest(answers, around), answers, around);
    if (reply.kind === "quit") return undefined;
    if (reply.kind === "back") {
      at = Math.max(0, at - 1);
      continue;
    }
    said[question.key] = reply.text.trim();
    at++;
  }
}

async function passwordHashOf(args: Arguments): Promise<string | undefined> {
  const file = args.value("--password-file");
  if (file === undefined) return undefined;
  const [password = ""] = readFileSync(file, "utf8").split("\n");
  if (password === "") throw new UsageError(manual.name, `--password-file ${file}: its first line is empty`);
  return (await import("../linux/crypt.ts")).passwordHash(password);
}

async function run(args: Arguments): Promise<number> {
  if (args.words.length > 0) throw new UsageError(manual.name, `${args.words[0]} is one word too many`);
  if (process.getuid?.() !== 0 && !args.has("--dry-run")) {
    throw new VserverError({
      object: manual.name,
      attempt: "make a server",
      cause: "only root may",
      wayOut: "become root",
    });
  }
  const around = surroundings();
  const hash = await passwordHashOf(args);
  let answers: Answers | undefined = withSuggestions(given(args), around);
  if (args.has("--yes")) expectRight(answers, around);
  else {
    if (!isatty(0) || !isatty(1)) throw new UsageError(manual.name, "there is no terminal to ask on; say --yes");
    answers = await converse(given(args), around);
  }
  if (answers === undefined) return givenUp;
  if (args.has("--dry-run")) {
    console.log(summary(answers, around));
    return 0;
  }
  const { makeServer } = await import("../server/newserver/make.ts");
  await makeServer(answers, hash, console.log);
  return 0;
}

export const command: Command = { manual, run };
