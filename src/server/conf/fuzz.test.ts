/** Whatever a conf file holds, reading it ends soon, in a value or in one line about the file. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capabilityNames } from "../../linux/capability.ts";
import { VserverError } from "../../text/error.ts";
import { evaluate, type Value } from "./evaluate.ts";
import { type LimitKey, limitKeys, limitTable } from "./limits.ts";
import { parse } from "./parse.ts";
import { fuzz, isRepeated, type Random } from "./random.fixture.ts";
import { parseServerConf, type ServerKey, serverFlags, serverKeys } from "./server.ts";
import { setKey } from "./set.ts";
import { confValues, writeServerConf } from "./write.ts";

const fragments = [
  ..."\"'\\$`{}()[];|&<>#~*?!=: \t\n-+",
  ..."${A:-",
  "$A",
  "${A",
  "${A:-b",
  "}",
  "case $A in\n",
  "a|b)",
  "*)",
  ";;\n",
  "esac\n",
  'if [ "$A" = "" ] ; then\n',
  "elif [ -n x ]\nthen ",
  "else\n",
  "fi\n",
  "A=$A$A\n",
  "A=x\n",
  "export A=1 B\n",
  "\\\n",
  "\r",
  "\0",
  "\ufeff",
  "é€😀",
  ...serverKeys.map((key) => `${key}=`),
] as const;

function soup(random: Random): string {
  return Array.from({ length: random.below(40) }, () => random.pick(fragments)).join("");
}

const octets = (random: Random) => [10, random.below(256), random.below(256), 1 + random.below(254)].join(".");
const words = (random: Random, list: readonly string[], most: number) =>
  [...new Set(Array.from({ length: random.below(most) }, () => random.pick(list)))].join(" ");

const exampleValues: Readonly<Record<(typeof limitTable)[LimitKey]["value"], readonly string[]>> = {
  SIZE: ["", "1", "4096", "512M", "1.5G", "2t", "unlimited"],
  NUMBER: ["", "1", "500", "unlimited"],
  WEIGHT: ["", "1", "100", "10000"],
  PERCENT: ["", "5%", "150%", "unlimited"],
  LIST: ["", "0", "0-3,6", "all"],
  RATE: ["", "1000", "vda=10 /dev/sdb=unlimited"],
};
const limitValues = Object.fromEntries(
  limitKeys.map((key) => [key, (random: Random) => random.pick(exampleValues[limitTable[key].value])]),
) as Record<LimitKey, (random: Random) => string>;

/** A right value for a key. */
const values: Readonly<Record<ServerKey, (random: Random) => string>> = {
  PROFILE: (random) => random.pick(["prod", "backup", "site.b", "x"]),
  IPROOT: (random) => {
    const address = () => {
      const host = random.pick([octets(random), `2001:db8::${random.below(65536).toString(16)}`, "www.example.com"]);
      return `${random.pick(["", "eth0:", "br-lan.7:"])}${host}${random.pick(["", "/24", "/32"])}`;
    };
    const list = [
      ...new Map([address(), address()].map((one) => [one.replace(/^[a-z][^.:]*(\.7)?:|\/\d+$/g, ""), one])),
    ];
    return random.pick(["", "0.0.0.0", "ALL", list.map(([, one]) => one).join(" \t\n".charAt(random.below(3)))]);
  },
  IPROOTDEV: (random) => random.pick(["", "eth0", "wlp3s0", "eth0.231"]),
  IPROOTMASK: (random) => random.pick(["", "24", "255.255.255.192", "255.255.255.255"]),
  IPROOTBCAST: (random) => random.pick(["", octets(random)]),
  ONBOOT: (random) => random.pick(["", "yes", "no"]),
  PRIORITY: (random) => random.pick(["", "0", "007", "999"]),
  S_HOSTNAME: (random) => random.pick(["", "web1", "www.example.com"]),
  S_DOMAINNAME: (random) => random.pick(["", "none", "example"]),
  S_CONTEXT: (random) => random.pick(["", "2", "65535"]),
  S_FLAGS: (random) => words(random, serverFlags, 5),
  S_CAPS: (random) => words(random, [...capabilityNames, ...capabilityNames.map((name) => `!${name}`)], 8),
  S_NICE: (random) => random.pick(["", "-20", "+5", "19"]),
  ULIMIT: (random) => {
    const limits = Array.from(
      { length: random.below(4) },
      () => `-${random.pick([..."cdnstuvl"])} ${random.below(9999)}`,
    );
    return `${random.pick(["", "-H", "-S", "-HS"])} ${limits.join(" ")}`;
  },
  HIDEPID: (random) => random.pick(["", "yes", "no"]),
  SYSLOG: (random) => random.pick(["", "main", "own"]),
  PROC: (random) => random.pick(["", "main", "own"]),
  NETNS: (random) => random.pick(["", "yes", "no"]),
  ...limitValues,
};

function quoted(random: Random, value: string): string {
  const plain = /^[^\s"'\\$`;&|<>()#!]*$/.test(value);
  return random.pick([`'${value}'`, `"${value}"`, plain ? value : `"${value}"`, plain ? `"${value}"''` : `'${value}'`]);
}

/** A right conf file. */
function rightConf(random: Random): string {
  const lines = serverKeys.flatMap((key) => {
    if (random.chance(40)) return random.chance(50) ? [`#${key}=`] : [];
    const line = `${random.pick(["", " ", "export ", "\t"])}${key}=${quoted(random, values[key](random))}`;
    return random.pick([[line], [line], [`${line} # why`], ["case $PROFILE in", `*) ${line} ;;`, "esac"]]);
  });
  return `${random.pick(["", "# Description: a server of ours\n"])}${lines.join("\n")}\n`;
}

function mutated(random: Random, text: string): string {
  let result = text;
  for (let change = 1 + random.below(4); change > 0; change--) {
    const at = random.below(result.length + 1);
    const cut = random.pick([0, 0, 1, 1, 3, 20]);
    result = result.slice(0, at) + random.pick([...fragments, ""]) + result.slice(at + cut);
  }
  return result;
}

function readsOrComplains(text: string): void {
  try {
    expect(Object.isFrozen(parseServerConf(text, "/etc/vservers/web1.conf").conf)).toBe(true);
  } catch (thrown) {
    if (!(thrown instanceof VserverError)) throw thrown;
    expect(thrown.message).toMatch(/^\/etc\/vservers\/web1\.conf:\d+:\d+: cannot [^\n]+$/);
  }
}

test("soup of shell syntax is read or refused in one line", () => {
  fuzz(20000, (random) => readsOrComplains(soup(random)));
});

test("what is read has the values that a shell gives it", () => {
  const directory = mkdtempSync(join(tmpdir(), "conf-"));
  const names = [...serverKeys, "A", "B"];
  const print = `\nset -- ; printf '%s\\0' ${names.map((name) => `"$${name}"`).join(" ")}\n`;
  let read = 0;
  fuzz(3000, (random) => {
    const text = random.pick([soup(random), rightConf(random), mutated(random, rightConf(random))]);
    const source = { file: "x.conf", text };
    let values: ReadonlyMap<string, Value>;
    try {
      values = evaluate(source, parse(source), { known: new Set(serverKeys) });
    } catch (thrown) {
      if (thrown instanceof VserverError) return;
      throw thrown;
    }
    read++;
    const shell = Bun.spawnSync(["/bin/sh", "-s"], {
      cwd: directory,
      env: { PATH: "/nonexistent" },
      stdin: new TextEncoder().encode(text + print),
    });
    const ours = names.map((name) => `${values.get(name)?.text ?? ""}\0`).join("");
    expect(`${shell.stderr}${shell.stdout} from ${text}`).toBe(`${ours} from ${text}`);
  });
  rmSync(directory, { recursive: true });
  expect(read).toBeGreaterThan(isRepeated ? -1 : 300);
});

test("mutated conf files are read or refused in one line", () => {
  fuzz(4000, (random) =>
    readsOrComplains(
      mutated(random, random.pick([rightConf(random), writeServerConf(parseServerConf(rightConf(random), "x").conf)])),
    ),
  );
});

test("what was read, written and read again is the same", () => {
  fuzz(2000, (random) => {
    const { conf } = parseServerConf(rightConf(random), "one.conf");
    const again = parseServerConf(writeServerConf(conf), "two.conf");
    expect(again.conf).toEqual(conf);
    expect(again.warnings).toEqual([]);
  });
});

test("setting a key changes that key and nothing else", () => {
  fuzz(2000, (random) => {
    const text = random.chance(50) ? rightConf(random) : writeServerConf(parseServerConf(rightConf(random), "x").conf);
    // The profile decides which branch is in force, so other keys may depend on it.
    const key = random.pick(serverKeys.filter((one) => one !== "PROFILE"));
    const value = values[key](random);
    const after = parseServerConf(setKey(text, "x.conf", key, value), "x.conf").conf;
    const alone = confValues(parseServerConf(`${key}='${value}'\n`, "x.conf").conf)[key];
    expect(confValues(after)).toEqual({ ...confValues(parseServerConf(text, "x.conf").conf), [key]: alone });
  });
});

test("inputs made to explode are refused at once", () => {
  const doubling = `A=xxxxxxxx\n${"A=$A$A\n".repeat(64)}`;
  const stars = `A=${"a".repeat(250)}\ncase $A in\n${`${"*a".repeat(100)}b) X=1 ;;\n`.repeat(250)}esac\n`;
  const nested = `${"case a in a) ".repeat(5000)}X=1`;
  const defaults = `A=${"${B:-".repeat(5000)}x${"}".repeat(5000)}`;
  const started = performance.now();
  for (const text of [doubling, stars, nested, defaults, "\\\n".repeat(30000), '"'.repeat(60001), "((".repeat(30000)]) {
    readsOrComplains(text);
  }
  expect(performance.now() - started).toBeLessThan(2000);
});
