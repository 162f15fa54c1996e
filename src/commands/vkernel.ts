/** `vkernel`: loads the kernel half, takes it out again, says how it stands, and what this kernel offers. */
import { readdirSync } from "node:fs";
import { abiVersion, hostContext, pinDirectory } from "../context/abi.ts";
import { identity } from "../context/call.ts";
import { programFindings } from "../context/hooks.ts";
import { contexts, held } from "../context/lists.ts";
import { isDamaged, isLoaded, isStrict, load, unload } from "../context/load.ts";
import { ensureRunDirectory } from "../context/rundir.ts";
import { type Finding, findings } from "../context/support.ts";
import { otherVersionWayOut } from "../context/table.ts";
import { globalConfFile, readGlobalConf } from "../server/conf/global.ts";
import type { Arguments } from "../text/arguments.ts";
import { UsageError, VserverError } from "../text/error.ts";
import type { Manual } from "../text/manual.ts";
import type { Command } from "./command.ts";

const tool = "vkernel";
const notLoaded = 3;

const manual: Manual = {
  name: tool,
  section: 8,
  summary: "load, inspect and check the kernel half of vserver",
  synopsis: ["vkernel load [--strict]", "vkernel unload", "vkernel status [--json]", "vkernel check [--json]"],
  description: [
    "The kernel half are BPF programs that keep security contexts, addresses and capability ceilings apart. Tools that root runs load it when it is not loaded; loading it at boot with vkernel load lets ordinary users make contexts too.",
    "load loads and attaches it, completely or not at all; when it is loaded already, nothing happens, and one of another version than the tools, which an upgrade can leave behind, is refused: what it enforces stays in force until it is unloaded. Where this kernel cannot have it and /etc/vserver.conf says CONTEXTS=optional, load says so and loads nothing. unload takes it out again, which is refused while contexts exist, or processes of the main server that reducecap has given a ceiling or chbind tied to addresses: they would be free of both. status tells what is loaded. check asks this kernel for everything the kernel half needs, a line for each, and says what to do about what is missing.",
    "Both end with what that means for virtual servers on this machine: they run in security contexts; or only those with the flag fakeinit run, on namespaces alone, because the kernel has no contexts and /etc/vserver.conf says CONTEXTS=optional; or none can start.",
  ],
  options: [
    {
      flag: "--strict",
      about:
        "load: also close access(), chdir() and O_PATH on /proc/PID of other contexts on the main server. It costs a check on every component of every path",
    },
    {
      flag: "--json",
      about:
        "status: print an object: loaded, version, strict, contexts, pinned, servers; check: print a list of objects: what, ok, found, wayOut",
    },
  ],
  exits: [
    ["0", "done; load: or it can be done without; status: it is loaded; check: everything is there"],
    [
      "1",
      "unload: contexts or processes with a ceiling or addresses exist, or not root; check: something is missing, or not root",
    ],
    ["2", "wrong usage"],
    [String(notLoaded), "status: it is not loaded"],
    ["69", "load: this kernel cannot have it, another version is loaded, or the caller is not root"],
  ],
  examples: [
    { command: "vkernel check", about: "before the first use on a machine" },
    { command: "vkernel load --strict", about: "at boot" },
  ],
  seeAlso: ["vserver(8)", "chcontext(8)", "vinfo(1)"],
};

function requireRoot(attempt: string): void {
  if (process.getuid?.() === 0) return;
  throw new VserverError({ object: tool, attempt, cause: "only root may", wayOut: "become root" });
}

function loadCommand(args: Arguments): number {
  if (process.getuid?.() === 0 && !isLoaded() && optional() && !kernelHasContexts()) {
    ensureRunDirectory();
    console.error(`${tool}: nothing is loaded: of the virtual servers ${foundations.namespaces}`);
    return 0;
  }
  load({ strict: args.has("--strict") });
  return 0;
}

/** Only context 0 may change what is pinned, and only there are all contexts counted. */
function unloadCommand(): number {
  requireRoot("unload the kernel half");
  if (isLoaded() && identity().xid !== hostContext) {
    const cause = "this is not context 0";
    const wayOut = "run it on the main server";
    throw new VserverError({ object: tool, attempt: "unload the kernel half", cause, wayOut });
  }
  unload(held);
  return 0;
}

interface Status {
  readonly loaded: boolean;
  /** Version of the calls; null when it is not loaded or another one. */
  readonly version: number | null;
  readonly strict: boolean;
  /** Contexts in use or held, and pinned objects; null for others than root. */
  readonly contexts: number | null;
  readonly pinned: number | null;
  readonly servers: Foundation;
}

/** What virtual servers stand on here: contexts, namespaces alone, or nothing they could start on. */
type Foundation = "contexts" | "namespaces" | "none";

const foundations: Readonly<Record<Foundation, string>> = {
  contexts: "run in security contexts",
  namespaces: `only those with the flag fakeinit run, on namespaces alone, for the kernel has no contexts and ${globalConfFile} says CONTEXTS=optional: they see themselves only, but the main server sees their processes, and no rule ties them to their addresses`,
  none: `cannot start, for the kernel has no contexts; with CONTEXTS=optional in ${globalConfFile} those with the flag fakeinit would run on namespaces alone: see vserver.conf(5)`,
};

const optional = () => readGlobalConf().conf.contexts === "optional";

function foundation(possible: boolean): Foundation {
  if (possible) return "contexts";
  return optional() ? "namespaces" : "none";
}

function foundationText(servers: Foundation): string {
  const idle =
    servers === "contexts" && optional() ? `; CONTEXTS=optional in ${globalConfFile} changes nothing here` : "";
  return foundations[servers] + idle;
}

const kernelHasContexts = () => findings().every(({ ok }) => ok);

function status(): Status {
  const loaded = isLoaded();
  const countable = loaded && process.getuid?.() === 0;
  return {
    loaded,
    version: loaded && identity().ours ? abiVersion : null,
    strict: isStrict(),
    contexts: countable ? contexts().length : null,
    pinned: countable ? readdirSync(pinDirectory).length : null,
    servers: foundation(loaded || kernelHasContexts()),
  };
}

const yesOrNo = (value: boolean) => (value ? "yes" : "no");
const countText = (count: number | null) => (count === null ? "only root may count them" : String(count));

function statusCommand(args: Arguments): number {
  const now = status();
  if (args.has("--json")) console.log(JSON.stringify(now, null, 2));
  else {
    const damage = isDamaged() ? `, but ${pinDirectory} has pins left: run vkernel unload` : "";
    console.log(`loaded:   ${yesOrNo(now.loaded)}${damage}`);
    if (now.loaded) {
      console.log(`version:  ${now.version ?? `another one than these tools; ${otherVersionWayOut}`}`);
      console.log(`strict:   ${yesOrNo(now.strict)}`);
      console.log(`contexts: ${countText(now.contexts)}`);
      console.log(`pinned:   ${countText(now.pinned)}`);
    }
    console.log(`servers:  ${foundationText(now.servers)}`);
  }
  return now.loaded ? 0 : notLoaded;
}

function findingLine({ ok, what, found, wayOut }: Finding): string {
  return ok ? `ok       ${what}: ${found}` : `missing  ${what}: ${found}; ${wayOut}`;
}

function checkCommand(args: Arguments): number {
  requireRoot("ask this kernel for everything");
  const all = [...findings(), ...programFindings()];
  if (args.has("--json")) console.log(JSON.stringify(all, null, 2));
  else {
    for (const finding of all) console.log(findingLine(finding));
    console.log(`servers  ${foundationText(foundation(kernelHasContexts()))}`);
  }
  return all.every(({ ok }) => ok) ? 0 : 1;
}

interface Action {
  readonly options: readonly string[];
  run(args: Arguments): number;
}

const actions: Readonly<Record<string, Action>> = {
  load: { options: ["--strict"], run: loadCommand },
  unload: { options: [], run: unloadCommand },
  status: { options: ["--json"], run: statusCommand },
  check: { options: ["--json"], run: checkCommand },
};

function run(args: Arguments): number {
  const [word, ...more] = args.words;
  if (word === undefined) throw new UsageError(tool, "what to do is missing: load, unload, status or check");
  const action = Object.hasOwn(actions, word) ? actions[word] : undefined;
  if (action === undefined) throw new UsageError(tool, `unknown command ${word}`);
  if (more.length > 0) throw new UsageError(tool, `unknown word ${more[0]}`);
  const foreign = manual.options.find(({ flag }) => args.has(flag) && !action.options.includes(flag));
  if (foreign !== undefined) throw new UsageError(tool, `${word} has no option ${foreign.flag}`);
  return action.run(args);
}

export const command: Command = { manual, run };
