/** Every example there is in the manuals and in the README, and what runs it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../src/commands/index.ts";
import { pages } from "../src/commands/pages.ts";
import { root } from "./unit/booted.ts";

export interface Example {
  readonly page: string;
  readonly command: string;
}

/** Those of the manuals. */
export async function manualExamples(): Promise<readonly Example[]> {
  const loaded = await Promise.all(Object.values(commands).map((load) => load()));
  return [...loaded.map(({ command }) => command.manual), ...pages].flatMap(({ name, examples = [] }) =>
    examples.map(({ command }) => ({ page: name, command })),
  );
}

/** A block of the README as it is typed, comments and what is printed aside: the lines behind a prompt where there are some. */
function typedLines(block: string): readonly string[] {
  const lines = block.split("\n").map((line) => line.replace(/\s+# .*/, "").trim());
  const prompted = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
  return prompted.length > 0 ? prompted : lines.filter((line) => line !== "");
}

/** The blocks of the README by the heading they stand under. */
export function readmeBlocks(): readonly { readonly heading: string; readonly lines: readonly string[] }[] {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  return readme.split(/^#+ (?=.*\n)/m).flatMap((section) => {
    const heading = section.slice(0, section.indexOf("\n"));
    return [...section.matchAll(/^```\n(.*?)^```/gms)].map((match) => ({ heading, lines: typedLines(match[1] ?? "") }));
  });
}

/** Examples that tests/machine/examples.test.ts cannot run, each with the file that does: it has those very words. */
export const elsewhere: Readonly<Record<string, string>> = {
  "systemctl enable --now vservers": "tests/systemd/first.sh",
  "systemctl disable --now ssh && systemctl enable --now v@ssh": "tests/systemd/first.sh",
  "systemctl enable --now vservers rebootmgr": "tests/systemd/first.sh",
  "vserver web1 build --method debootstrap --include nginx": "tests/life/debootstrap.test.ts",
  "vserver web1 build --method debootstrap --include nginx --interface eth0:10.0.0.2/24":
    "tests/life/debootstrap.test.ts",
  "vserver web1 move root@10.0.0.9": "tests/machine/move/move.test.ts",
  "vserver web1 sync root@10.0.0.9": "tests/machine/move/move.test.ts",
  "vserver web1 takeover --force": "tests/machine/move/move.test.ts",
  "ps -C nginx -o pid,args": "demo/show",
  "vserver demo2 exec ps -C nginx -o pid,args": "demo/show",
  "vps ax | grep -E 'PID|nginx: master'": "demo/show",
  "chcontext --silent --ctx 1 killall nginx": "demo/show",
  "make test": ".ci/run",
};

/**
 * What the reader does himself: his machine is none of ours to install on, and nobody else knows what he writes. The
 * demonstration checks each claim it makes; it is to be looked at.
 */
export const byHand: readonly string[] = [
  "make demo",
  "make setup build && make install",
  "editor /etc/vservers/web1.conf",
];
