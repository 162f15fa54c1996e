/** What has to be known of a new server: one table for the options, the questions, their defaults and what is wrong with an answer. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { imageReference } from "../build/oci/reference.ts";
import { packageFiles } from "../build/rpm/packages.ts";
import { rootAddress } from "../conf/addresses.ts";
import { suiteName } from "../conf/global.ts";
import { BadValue, hostName, integer } from "../conf/value.ts";
import { isServerName } from "../name.ts";

export const keys = [
  "name",
  "desc",
  "clone",
  "unify",
  "hostname",
  "ip",
  "ondev",
  "onboot",
  "priority",
  "share",
  "key",
  "start",
] as const;
export type Key = (typeof keys)[number];
/** The words of each answer; "" is nothing. */
export type Answers = Readonly<Record<Key, string>>;

/** What the machine has to offer, found out once. */
export interface Surroundings {
  readonly servers: readonly string[];
  readonly devices: readonly string[];
  /** The machine's own release; "" when unknown. */
  readonly suite: string;
  /** Whether the kernel can protect files that servers share. */
  readonly protects: boolean;
}

/** The choice to write an answer that is none of the others. */
export const somethingElse = "";

export interface Question {
  readonly key: Key;
  readonly label: string;
  readonly about: string;
  /** Whether it matters after the answers before it; without it always. What does not matter is as suggested. */
  matters?(answers: Answers): boolean;
  /** What it is unless said otherwise. */
  suggest(answers: Answers, around: Surroundings): string;
  /** What can be chosen; without it anything can be written. */
  readonly choices?: (around: Surroundings) => readonly { readonly value: string; readonly label: string }[];
  /** Why the answer cannot be; undefined when it can. */
  wrong(text: string, answers: Answers, around: Surroundings): string | undefined;
}

/** What a parser of conf values has against a text. */
function complaint(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof BadValue) return thrown.message;
    throw thrown;
  }
}

const yesNo = [
  { value: "yes", label: "yes" },
  { value: "no", label: "no" },
];
const wrongYesNo = (text: string) => (text === "yes" || text === "no" ? undefined : "write yes or no");

/** Where a tree comes from: `/`, `#RELEASE`, `oci:IMAGE`, `rpm:DIRECTORY`, the name of a server, or the file of an archive. */
export type Source = {
  readonly method: "copy" | "debootstrap" | "oci" | "rpm" | "clone" | "tar";
  readonly operand: string;
};

export function sourceOf(text: string): Source {
  const [, method, operand = ""] = /^(oci|rpm):(.*)$/s.exec(text) ?? [];
  if (method === "oci" || method === "rpm") return { method, operand };
  if (text.startsWith("#")) return { method: "debootstrap", operand: text.slice(1) };
  if (isServerName(text)) return { method: "clone", operand: text };
  return { method: text === "/" || /\/$/.test(text) ? "copy" : "tar", operand: text };
}

const wrongPackages = (directory: string): string | undefined =>
  statSync(directory).isDirectory() && packageFiles(directory).length > 0
    ? undefined
    : `there are no rpm packages in ${directory}`;

const isClone = ({ clone }: Answers): boolean => sourceOf(clone).method === "clone";

function wrongUnify(text: string, answers: Answers, { protects }: Surroundings): string | undefined {
  if (text !== "yes") return wrongYesNo(text);
  if (!isClone(answers)) return "files are shared with another server only; write no";
  return protects ? undefined : "this kernel cannot protect shared files (see vkernel check); write no";
}

function wrongSource(text: string, around: Surroundings): string | undefined {
  const { method, operand } = sourceOf(text);
  if (method === "debootstrap") return operand === "" ? undefined : complaint(() => suiteName(operand));
  if (method === "clone") return around.servers.includes(operand) ? undefined : `there is no server ${operand}`;
  if (!operand.startsWith("/")) {
    return method === "oci" || method === "rpm"
      ? `write an absolute path: ${method}:/PATH`
      : "write /, #RELEASE, oci:/IMAGE, rpm:/DIRECTORY, a server's name, or the path of an archive";
  }
  if (method === "oci") return existsSync(imageReference(operand).path) ? undefined : `there is no ${operand}`;
  if (method === "rpm" && existsSync(operand)) return wrongPackages(operand);
  return existsSync(operand) ? undefined : `there is no ${operand}`;
}

/** `DIR` or `DIR:PLACE`, several separated by blanks. */
export const shares = (text: string): readonly { readonly from: string; readonly to: string }[] =>
  text
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => {
      const [from = "", to = from] = word.split(":");
      return { from, to };
    });

function wrongShares(text: string): string | undefined {
  const bad = shares(text).find(
    ({ from, to }) => ![from, to].every((path) => /^\/[^\s\\]+$/.test(path) && !path.includes("..")),
  );
  if (bad !== undefined) return `${bad.from}: write absolute paths, DIR or DIR:PLACE`;
  const missing = shares(text).find(({ from }) => !existsSync(from));
  return missing === undefined ? undefined : `there is no ${missing.from}`;
}

function wrongKey(text: string): string | undefined {
  if (text === "") return undefined;
  if (!existsSync(text)) return `there is no file ${text}`;
  return /^(ssh|ecdsa|sk)-\S+ \S+/m.test(readFileSync(text, "utf8")) ? undefined : `${text} holds no public ssh key`;
}

export const questions: readonly Question[] = [
  {
    key: "name",
    label: "Name of the server",
    about: "letters, digits, dots, hyphens; its directory is /vservers/NAME",
    suggest: () => "",
    wrong: (text, _, { servers }) => {
      if (!isServerName(text))
        return "1 to 64 letters, digits, dots, hyphens and underscores, the first a letter or digit";
      return servers.includes(text) ? "there is a server of that name" : undefined;
    },
  },
  {
    key: "desc",
    label: "Description",
    about: "one line that lists show",
    suggest: () => "",
    wrong: () => undefined,
  },
  {
    key: "clone",
    label: "Made from",
    about: "#RELEASE, / (this machine), a server, /ARCHIVE, oci:/IMAGE[:TAG] or rpm:/DIRECTORY",
    suggest: (_, { suite }) => `#${suite}`,
    choices: ({ servers, suite }) => [
      { value: `#${suite}`, label: `a fresh Debian ${suite}` },
      { value: "/", label: "a copy of this machine" },
      ...servers.map((name) => ({ value: name, label: `a copy of the server ${name}` })),
      { value: somethingElse, label: "an archive, a container image, rpm packages: write where" },
    ],
    wrong: (text, _, around) => wrongSource(text, around),
  },
  {
    key: "unify",
    label: "Share its files with the server it is made from",
    about: "yes: made in a second, takes little space; neither server can write to a shared file, only replace it",
    matters: isClone,
    suggest: (answers, { protects }) => (isClone(answers) && protects ? "yes" : "no"),
    choices: () => [
      { value: "yes", label: "yes: quick and small; a shared file can be replaced, not written to" },
      { value: "no", label: "no: a full copy" },
    ],
    wrong: wrongUnify,
  },
  {
    key: "hostname",
    label: "Host name",
    about: "as the server calls itself",
    suggest: ({ name }) => name,
    wrong: (text) => complaint(() => hostName(text)),
  },
  {
    key: "ip",
    label: "Address",
    about: "ADDRESS or ADDRESS/PREFIX, IPv4 or IPv6; nothing: not tied to any",
    suggest: () => "",
    wrong: (text) => (text === "" ? undefined : complaint(() => rootAddress({ text, at: 0 }))),
  },
  {
    key: "ondev",
    label: "Network device that carries it",
    about: "nothing: the machine has the address already",
    suggest: ({ ip }, { devices }) => (ip === "" ? "" : (devices[0] ?? "")),
    wrong: (text, { ip }, { devices }) => {
      if (text === "") return undefined;
      if (ip === "") return "there is no address to carry";
      return devices.includes(text) ? undefined : `there is no device ${text}; there are ${devices.join(" ")}`;
    },
  },
  {
    key: "onboot",
    label: "Start it with the machine",
    about: "",
    suggest: () => "yes",
    choices: () => yesNo,
    wrong: wrongYesNo,
  },
  {
    key: "priority",
    label: "Place in the order of starting",
    about: "0 to 999, the lower starts first",
    suggest: () => "100",
    wrong: (text) => complaint(() => integer(text, 0, 999)),
  },
  {
    key: "share",
    label: "Directories of this machine to share with it",
    about: "DIR or DIR:PLACE, separated by blanks",
    suggest: () => "",
    wrong: wrongShares,
  },
  {
    key: "key",
    label: "File with the public ssh key of its root",
    about: "nothing: nobody logs in as root until you set a password",
    suggest: () => "",
    wrong: wrongKey,
  },
  { key: "start", label: "Start it now", about: "", suggest: () => "no", choices: () => yesNo, wrong: wrongYesNo },
];

export const noAnswers: Answers = Object.freeze(
  Object.fromEntries(keys.map((key) => [key, ""])) as Record<Key, string>,
);

/** The questions that these answers leave to be asked. */
export const questionsFor = (answers: Answers): readonly Question[] =>
  questions.filter(({ matters }) => matters?.(answers) ?? true);

/** Fills in what was not said. */
export function withSuggestions(given: Partial<Answers>, around: Surroundings): Answers {
  const answers = { ...noAnswers };
  for (const { key, suggest } of questions) answers[key] = given[key] ?? suggest(answers, around);
  return answers;
}

/** The same in a conversation: what was said before another answer made it meaningless is as suggested. */
export function settled(said: Partial<Answers>, around: Surroundings): Answers {
  const matters = new Set<string>(questionsFor(withSuggestions(said, around)).map(({ key }) => key));
  return withSuggestions(Object.fromEntries(Object.entries(said).filter(([key]) => matters.has(key))), around);
}

const quoted = (word: string): string =>
  /^[A-Za-z0-9_./:,=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** The command line that gives the same answers without a question. */
export function sameCommand(answers: Answers, around: Surroundings): string {
  const said = questions.filter(({ key, suggest }) => key === "name" || answers[key] !== suggest(answers, around));
  return ["newvserver", ...said.flatMap(({ key }) => [`--${key}`, quoted(answers[key])]), "--yes"].join(" ");
}
