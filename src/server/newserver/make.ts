/** Makes the server that the answers describe: built, configured, with what it shares, its root's key, started if asked. */
import { readFileSync, writeFileSync } from "node:fs";
import { beneath } from "../../linux/beneath.ts";
import { build } from "../build/build.ts";
import { imageReference } from "../build/oci/reference.ts";
import { setRootKey, setRootPassword } from "../build/root.ts";
import { rootAddress } from "../conf/addresses.ts";
import { replaceFile } from "../conf/replace.ts";
import type { ServerKey } from "../conf/server.ts";
import { setKey } from "../conf/set.ts";
import { readServer } from "../life/server.ts";
import { start } from "../life/start.ts";
import { type ServerName, serverName } from "../name.ts";
import { confFile, mountTable, serverDirectory } from "../paths.ts";
import { type Answers, shares, sourceOf } from "./questions.ts";

type Build = Parameters<typeof build>[0];

function method({ clone, unify }: Answers): Build["method"] {
  const { method: kind, operand } = sourceOf(clone);
  switch (kind) {
    case "copy":
      return { kind, source: operand };
    case "tar":
      return { kind, file: operand };
    case "oci":
      return { kind, image: imageReference(operand) };
    case "rpm":
      return { kind, packages: { directories: [operand], include: [], signatures: "as here" } };
    case "clone":
      return { kind, source: serverName(operand), unify: unify === "yes" };
    case "debootstrap":
      return { kind, bootstrap: { suite: operand || undefined, mirror: undefined, variant: undefined, include: [] } };
  }
}

/** Octal escapes as fstab(5) wants them. */
const escaped = (path: string): string =>
  path.replace(/[ \t\\]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, "0")}`);

function configure(name: ServerName, answers: Answers): void {
  const file = confFile(name);
  const settings: readonly (readonly [ServerKey, string])[] = [
    ["ONBOOT", answers.onboot],
    ["PRIORITY", answers.priority],
    ["S_HOSTNAME", answers.hostname],
  ];
  let text = readFileSync(file, "utf8").replace(/^# Description:.*$/m, () =>
    `# Description: ${answers.desc}`.trimEnd(),
  );
  for (const [key, value] of settings) text = setKey(text, file, key, value);
  replaceFile(file, text);
  const shared = shares(answers.share);
  if (shared.length === 0) return;
  const lines = shared.map(({ from, to }) => `${escaped(from)} ${escaped(to)} none bind 0 0\n`);
  writeFileSync(mountTable(name), lines.join(""), { mode: 0o644 });
}

/** @param passwordHash of its root, as crypt(3) makes it; undefined = it stays as the build leaves it */
export async function makeServer(
  answers: Answers,
  passwordHash: string | undefined,
  print: (line: string) => void,
): Promise<void> {
  const name = serverName(answers.name);
  const place = answers.ondev === "" ? answers.ip : `${answers.ondev}:${answers.ip}`;
  await build(
    {
      name,
      method: method(answers),
      conf: {
        hostName: answers.hostname,
        addresses: answers.ip === "" ? undefined : [rootAddress({ text: place, at: 0 })],
        context: undefined,
        flags: undefined,
      },
    },
    print,
  );
  configure(name, answers);
  if (answers.ip === "") {
    const file = confFile(name);
    replaceFile(file, setKey(readFileSync(file, "utf8"), file, "IPROOT", "0.0.0.0"));
  }
  beneath(serverDirectory(name), (tree) => {
    if (answers.key !== "") setRootKey(tree, readFileSync(answers.key, "utf8"));
    if (passwordHash !== undefined) setRootPassword(tree, passwordHash);
  });
  if (answers.start !== "yes") return;
  await start(readServer(name), { noDevices: false, print });
  print(`Server ${name} is running`);
}
