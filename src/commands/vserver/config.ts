/** `vserver NAME config`: looks into and changes a conf file without ever leaving a wrong one behind. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { nearest } from "../../server/conf/nearest.ts";
import { readServerConf } from "../../server/conf/read.ts";
import { replaceFile } from "../../server/conf/replace.ts";
import { parseServerConf, type ServerKey, serverKeys } from "../../server/conf/server.ts";
import { setKey } from "../../server/conf/set.ts";
import { confValues } from "../../server/conf/write.ts";
import { isPopulated } from "../../server/life/cgroup.ts";
import type { ServerName } from "../../server/name.ts";
import { confFile } from "../../server/paths.ts";
import type { Arguments } from "../../text/arguments.ts";
import { canAsk, confirmed } from "../../text/ask.ts";
import { explain, UsageError, VserverError } from "../../text/error.ts";
import type { Manual } from "../../text/manual.ts";
import type { Call } from "./call.ts";
import { subcommandArguments } from "./subcommand.ts";

export const manual: Manual = {
  name: "vserver-config",
  section: 8,
  summary: "look into and change the conf file of a virtual server",
  synopsis: [
    "vserver NAME config get [--profile P] [--json] [KEY...]",
    "vserver NAME config set [--profile P] KEY=VALUE...",
    "vserver NAME config edit",
    "vserver NAME config check [--profile P] [--json]",
  ],
  description: [
    "get prints the values in force, also those the file does not set but that have a default; with one KEY the bare value.",
    "set changes each KEY where the file sets it, else in place of its commented-out line, and leaves every other character as it is. edit starts $VISUAL, $EDITOR or vi on a copy. The file is replaced only when the new text is right, all at once.",
    "check says what is wrong with the file, with line and column.",
    "A change holds from the next start of the server.",
  ],
  options: [
    { flag: "--profile", value: "P", about: "as if the server were started with this PROFILE" },
    { flag: "--json", about: "print JSON" },
  ],
  exits: [
    ["0", "done; check: the file is right"],
    ["1", "it failed; get: a KEY has no value; check: the file is wrong"],
    ["2", "wrong usage"],
    ["5", "there is no such server"],
  ],
  examples: [
    { command: "vserver web1 config set ONBOOT=yes PRIORITY=50", about: "Start it with the machine, early." },
    { command: "vserver web1 config get S_CONTEXT", about: "Its security context, if it has a fixed one." },
  ],
  seeAlso: ["vserver(8)", "vserver.conf(5)"],
};

const usage = (name: ServerName, complaint: string) => new UsageError(`vserver ${name} config`, complaint);

function knownKey(name: ServerName, word: string): ServerKey {
  const key = serverKeys.find((one) => one === word);
  if (key !== undefined) return key;
  const near = nearest(word, serverKeys);
  throw usage(name, `no key ${JSON.stringify(word)}${near === undefined ? "" : `; did you mean ${near}?`}`);
}

function get(name: ServerName, args: Arguments, words: readonly string[]): number {
  const keys = words.map((word) => knownKey(name, word));
  const { conf, warnings } = readServerConf(name, args.value("--profile"));
  for (const warning of warnings) console.error(warning);
  const values = confValues(conf);
  const asked = keys.length === 0 ? serverKeys.filter((key) => values[key] !== undefined) : keys;
  if (args.has("--json")) {
    console.log(JSON.stringify(Object.fromEntries(asked.map((key) => [key, values[key] ?? null])), null, 2));
  } else {
    for (const key of asked) {
      if (values[key] !== undefined) console.log(keys.length === 1 ? values[key] : `${key}=${values[key]}`);
    }
  }
  return asked.every((key) => values[key] !== undefined) ? 0 : 1;
}

function sayWhen(call: Call): void {
  if (!call.silent && isPopulated(call.name)) console.log(`Server ${call.name} is running: restart it for the change`);
}

/** The text, after {@link readServerConf} has made sure that there is one. */
function confText(name: ServerName): string {
  if (!existsSync(confFile(name))) readServerConf(name);
  return readFileSync(confFile(name), "utf8");
}

function set(call: Call, args: Arguments, words: readonly string[]): number {
  const { name } = call;
  // `set KEY VALUE` means the same as `set KEY=VALUE`.
  const [first = "", second] = words;
  const settings = words.length === 2 && second !== undefined && !first.includes("=") ? [`${first}=${second}`] : words;
  if (settings.length === 0) throw usage(name, "set what? KEY=VALUE");
  let text = confText(name);
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    if (equals < 0) throw usage(name, `${JSON.stringify(setting)} is not KEY=VALUE`);
    const key = knownKey(name, setting.slice(0, equals));
    text = setKey(text, confFile(name), key, setting.slice(equals + 1), args.value("--profile"));
  }
  replaceFile(confFile(name), text);
  sayWhen(call);
  return 0;
}

async function runEditor(file: string): Promise<void> {
  const editor = process.env["VISUAL"] || process.env["EDITOR"] || "vi";
  const child = Bun.spawn(["/bin/sh", "-c", `${editor} "$1"`, "sh", file], {
    stdio: ["inherit", "inherit", "inherit"],
  });
  const status = await child.exited;
  if (status === 0) return;
  throw new VserverError({
    object: editor,
    attempt: "edit the file",
    cause: `it ended with ${status}`,
    wayOut: "set EDITOR",
  });
}

async function edit(call: Call): Promise<number> {
  const { name } = call;
  const file = confFile(name);
  const before = confText(name);
  const directory = mkdtempSync(join(tmpdir(), "vserver-"));
  const copy = join(directory, basename(file));
  let keep = false;
  try {
    writeFileSync(copy, before, { mode: 0o600 });
    for (;;) {
      await runEditor(copy);
      const text = readFileSync(copy, "utf8");
      if (text === before) return 0;
      try {
        // The complaint is about a file that is not there yet.
        parseServerConf(text, copy);
      } catch (thrown) {
        if (!(thrown instanceof VserverError)) throw thrown;
        console.error(thrown.message);
        if (canAsk() && (await confirmed("Edit it again?"))) continue;
        keep = true;
        const wayOut = `your text is in ${copy}`;
        throw new VserverError({ object: file, attempt: "replace it", cause: "the new text is wrong", wayOut });
      }
      if (confText(name) !== before) {
        keep = true;
        const cause = "somebody else has changed it meanwhile";
        throw new VserverError({ object: file, attempt: "replace it", cause, wayOut: `your text is in ${copy}` });
      }
      replaceFile(file, text);
      sayWhen(call);
      return 0;
    }
  } finally {
    if (!keep) rmSync(directory, { recursive: true });
  }
}

function check(name: ServerName, args: Arguments): number {
  let problems: readonly string[];
  let right = true;
  try {
    problems = readServerConf(name, args.value("--profile")).warnings;
  } catch (thrown) {
    if (!(thrown instanceof VserverError)) throw thrown;
    // Another exit status than "wrong" means that there was nothing to look at.
    if (thrown.exitCode !== 1) throw thrown;
    right = false;
    problems = [explain(thrown).line];
  }
  if (args.has("--json")) console.log(JSON.stringify({ name, right, problems }, null, 2));
  else for (const problem of problems) console.error(problem);
  return right ? 0 : 1;
}

export async function configAction(call: Call): Promise<number> {
  const { name } = call;
  const args = subcommandArguments(manual, name, call.json ? [...call.words, "--json"] : call.words);
  if (args === undefined) return 0;
  const [word, ...words] = args.words;
  if (word === "get") return get(name, args, words);
  if (word === "set") return set(call, args, words);
  if (word !== "edit" && word !== "check") throw usage(name, "get, set, edit or check?");
  if (words.length > 0) throw usage(name, `${JSON.stringify(words[0])} is one word too many`);
  return word === "edit" ? edit(call) : check(name, args);
}
