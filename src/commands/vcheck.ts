/** vcheck: how the packages of one server differ from those of another. */
import type { PackageDifference } from "../server/unify/difference.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

const tool = "vcheck";
const usageExit = 255;

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "compare the packages of two virtual servers",
  synopsis: ["vcheck --diffpkg [--debug | --json] REFERENCE SERVER", "vcheck --verify REFERENCE SERVER"],
  description: [
    "Each of the two is the name of a server, or a directory with a slash in it; / is the main server. Their package databases are read as vunify(8) reads them.",
    "--diffpkg prints a line for each package that differs: - NAME is only in REFERENCE, + NAME only in SERVER, ! NAME in both, in another version.",
    "--verify compares the files of the packages that both have in the same version, configuration files left out, with those of REFERENCE and prints a line for each that differs, in the letters of rpm --verify: S size, M permissions, 5 content, U owner, G group, T time of change; or missing.",
  ],
  options: [
    { flag: "--diffpkg", aliases: ["--diffpkgs"], about: "compare packages" },
    { flag: "--verify", about: "compare the files of common packages" },
    { flag: "--debug", repeat: true, about: "--diffpkg: say behind each package its versions; - is none" },
    {
      flag: "--json",
      about: "--diffpkg: print a list of objects: sign, name, and its version in reference and checked",
    },
  ],
  exits: [
    ["0", "compared, whatever was found"],
    ["255", "wrong usage, or something could not be read, and standard error says what"],
  ],
  examples: [{ command: "vcheck --diffpkg web1 web2", about: "What does web2 lack, what has it more, what is older?" }],
  seeAlso: ["vunify(8)", "vfiles(8)", "vserver-verify(8)"],
};

const line = ({ sign, name, reference = "-", checked = "-" }: PackageDifference, versions: boolean): string =>
  versions ? `${sign} ${name}\t${reference}\t${checked}` : `${sign} ${name}`;

async function run(args: Arguments): Promise<number> {
  const [reference, checked, ...more] = args.words;
  if (reference === undefined || checked === undefined || more.length > 0) {
    throw new UsageError(tool, "a REFERENCE and a SERVER are needed", usageExit);
  }
  if (!args.has("--diffpkg") && !args.has("--verify")) throw new UsageError(tool, "Nothing to do !!!", usageExit);
  const { openNamed } = await import("../server/unify/named.ts");
  const { fileDifferences, packageDifferences } = await import("../server/unify/difference.ts");
  const one = await openNamed(reference);
  const other = await openNamed(checked);
  if (args.has("--diffpkg")) {
    const found = packageDifferences(one, other);
    if (args.has("--json")) console.log(JSON.stringify(found, null, 2));
    else for (const one of found) console.log(line(one, args.has("--debug")));
  }
  if (args.has("--verify")) for (const line of fileDifferences(one, other)) console.log(line);
  return 0;
}

export const command: Command = { manual, run, rules: { usageExit } };
