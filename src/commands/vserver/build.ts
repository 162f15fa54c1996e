/** `vserver NAME build`: the command line of a build. */

import type { BuildRequest, Method } from "../../server/build/build.ts";
import { imageReference } from "../../server/build/oci/reference.ts";
import type { Signatures } from "../../server/build/rpm/keys.ts";
import { type RootAddress, rootAddress, rootAddresses } from "../../server/conf/addresses.ts";
import { mirrorAddress, suiteName } from "../../server/conf/global.ts";
import { flagList } from "../../server/conf/server.ts";
import { BadValue, hostName, integer } from "../../server/conf/value.ts";
import { serverName } from "../../server/name.ts";
import type { Arguments } from "../../text/arguments.ts";
import { UsageError } from "../../text/error.ts";
import type { Manual } from "../../text/manual.ts";
import { type Command, runCommand } from "../command.ts";

/** Of `--method`; the first is the default. */
export const methods: readonly Method["kind"][] = ["copy", "debootstrap", "tar", "rpm", "oci", "clone"];

const manual: Manual = {
  name: "vserver-build",
  section: 8,
  summary: "make a virtual server",
  synopsis: [
    "vserver NAME build [--method copy] [OPTIONS] [DIRECTORY]",
    "vserver NAME build --method debootstrap [--suite S] [--include PKG,...] [OPTIONS]",
    "vserver NAME build --method tar [OPTIONS] FILE",
    "vserver NAME build --method rpm [--include PKG,...] [--key FILE] [OPTIONS] DIRECTORY...",
    "vserver NAME build --method oci [OPTIONS] PATH[:TAG]",
    "vserver NAME build --method clone [--unify] [OPTIONS] SERVER",
  ],
  description: [
    "Makes the directory /vservers/NAME with a root file system in it, and /etc/vservers/NAME.conf unless that exists. The tree is made in /vservers/.NAME.building and renamed when it is complete: a build that fails or is interrupted leaves nothing under NAME, and what a killed one left is removed by the next build of that name.",
    "copy, the default, takes /sbin /bin /etc /usr /var /lib of the machine itself, or of the root named, each without other file systems mounted in it; logs, caches, kernel modules, other servers and their conf files stay behind. Passwords and certificates come along.",
    "debootstrap installs a fresh system with mmdebstrap or debootstrap, from where the machine gets its own packages. What it has downloaded stays in /var/cache/vserver/packages for the next one, until you remove it.",
    "tar unpacks an archive of a root file system in any compression tar knows. The archive need not be trusted: tar runs where it can write to nothing but the new tree, and no program of the tree is run.",
    "rpm installs the packages that lie in the directories, or those that are named and what they need of the others, by rpm --root: rpm checks that nothing is missing and nothing in conflict, and runs the scripts of the packages. Those run as root in the new tree with less than root of a server has: beside the tree they find only programs that they cannot change, and no process, device or network. rpm checks digests and signatures as it does on this machine, with the keys that rpmkeys --import has brought here: a bad signature is refused, and so is whatever %_pkgverify_level demands; unless that is signature or all, a package with no signature is taken, and one whose key is not known with a word about it. With --key each package must be signed with one of the keys given; with --nosignature no signature is looked at. The server's own rpm has the same keys then. The database is written as this machine's rpm writes it; rpm --rebuilddb in the server turns it into another format.",
    "oci unpacks a container image: an OCI layout, as a directory or an archive, or what docker save writes. Of images for several machines it takes the one for this machine; each digest is checked, and that no layer is cut off: one without the zeros that end an archive, as umoci insert writes it, is complete. A layer that is being unpacked needs as much space again. The image need not be trusted: tar runs where it can write to nothing but one layer, and no program of the image is run. An image that names a service to run gets it as its process 1, with the image's environment, user, working directory and stop signal: /etc/vserver-command.json in the tree says so, and without that file an init counts. What it writes to standard output and error is in /var/log/command.log. An image of a whole distribution, which names only a shell, has its own init, or needs one installed. Volumes, ports and health checks of the image are left to the conf file. From a registry: skopeo copy docker://IMAGE oci:PATH:TAG.",
    "clone copies another server with its hard links, attributes and holes. With --unify it shares all files with it that are neither configuration nor state, as vunify(8) --content does: that takes a second and little space.",
    "In the new tree: /dev with null zero full random urandom tty ptmx and no other device node anywhere; a fstab and a mtab that name no real device; the server's name in /etc/hostname and /etc/hosts; the main server's resolver, unless an archive or a server brings its own; no machine id; ssh host keys of its own, made by the main server's ssh-keygen; services for hardware, network, clock and kernel switched off, which are listed; vreboot and vhalt in /sbin. Nobody can log in as root before root of the main server has set a password or a key: vserver NAME exec passwd. A clone keeps the services, the fstab and the passwords of its source.",
  ],
  options: [
    {
      flag: "--method",
      aliases: ["-m"],
      value: "METHOD",
      about: `${methods.slice(0, -1).join(", ")} or ${methods.at(-1)}`,
    },
    { flag: "--hostname", value: "NAME", about: "host name; the server's name unless said" },
    {
      flag: "--interface",
      value: "DEV:ADDR[/PREFIX]",
      repeat: true,
      about: "an address and the device that carries it while the server runs",
    },
    { flag: "--ip", value: "ADDR[/PREFIX]", repeat: true, about: "an address the machine has by itself" },
    { flag: "--context", value: "N", about: "security context, 2 to 65535; without it each start takes an unused one" },
    { flag: "--flags", value: "FLAGS", about: "S_FLAGS, separated by commas or blanks" },
    {
      flag: "--suite",
      value: "RELEASE",
      about: "debootstrap: the release; SUITE of /etc/vserver.conf, else the machine's",
    },
    {
      flag: "--include",
      value: "PKG,...",
      repeat: true,
      about: "debootstrap: further packages; rpm: these packages, and what they need",
    },
    {
      flag: "--mirror",
      value: "URL",
      about: "debootstrap: the archive; MIRROR of /etc/vserver.conf, else the machine's",
    },
    {
      flag: "--key",
      value: "FILE",
      repeat: true,
      about:
        "rpm: each package must be signed with this public key or another one given, whatever keys this machine has",
    },
    { flag: "--nosignature", about: "rpm: take packages whoever signed them" },
    { flag: "--unify", about: "clone: share files with the source through hard links that no server can write to" },
    { flag: "--variant", value: "NAME", about: "debootstrap: which packages to begin with, such as minbase" },
  ],
  exits: [
    ["0", "the server is there"],
    ["1", "it is not, and standard error says why"],
    ["2", "wrong usage"],
    ["129, 130, 143", "ended by SIGHUP, ^C or SIGTERM"],
  ],
  examples: [
    {
      command: "vserver web1 build --method debootstrap --include nginx --interface eth0:10.0.0.2/24",
      about: "A Debian server with nginx and an address of its own.",
    },
    {
      command: "vserver web4 build --method oci nginx:latest",
      about: "A server that runs what is in a container image, the directory nginx being an OCI layout.",
    },
    {
      command: "vserver web5 build --method rpm --include bash,rpm,openssh-server /srv/packages",
      about: "A server with these packages of a distribution, and what they need.",
    },
    { command: "vserver web2 build --method clone web1", about: "Another like it." },
    { command: "vserver web3 build --method clone --unify web1", about: "Another that costs nearly nothing." },
  ],
  seeAlso: [
    "vserver(8)",
    "vserver.conf(5)",
    "vunify(8)",
    "mmdebstrap(1)",
    "debootstrap(8)",
    "rpm(8)",
    "rpmkeys(8)",
    "skopeo(1)",
  ],
};

const usage = (complaint: string) => new UsageError(manual.name, complaint);

/** Parses an option's value; what is wrong with it is wrong usage. */
function parsed<T>(args: Arguments, flag: string, parse: (text: string) => T): T | undefined {
  const text = args.value(flag);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (thrown) {
    if (thrown instanceof BadValue) throw usage(`${flag}: ${thrown.message}`);
    throw thrown;
  }
}

/** `--interface` and `--ip`, in the order they were given of each. */
function addresses(args: Arguments): readonly RootAddress[] | undefined {
  try {
    const list = ["--interface", "--ip"].flatMap((flag) =>
      args.values(flag).map((text) => {
        const one = rootAddress({ text, at: 0 });
        if (flag === "--interface" && one.device === undefined)
          throw usage(`${flag} ${text}: a device is needed, as in eth0:${text}`);
        if (flag === "--ip" && one.device !== undefined)
          throw usage(`${flag} ${text}: a device is named; use --interface`);
        return text;
      }),
    );
    const all = rootAddresses(list.join(" "));
    return typeof all === "string" ? undefined : all;
  } catch (thrown) {
    if (thrown instanceof BadValue) throw usage(thrown.message);
    throw thrown;
  }
}

/** How the names of packages are written, by method. */
const packageName = { debootstrap: /^[a-z0-9][a-z0-9+.:~=-]*$/, rpm: /^[A-Za-z0-9][A-Za-z0-9+._-]*$/ } as const;

function packages(args: Arguments, kind: keyof typeof packageName): readonly string[] {
  const names = args
    .values("--include")
    .flatMap((list) => list.split(","))
    .filter(Boolean);
  const wrong = names.find((name) => !packageName[kind].test(name));
  if (wrong !== undefined) throw usage(`--include: ${JSON.stringify(wrong)} is not a package's name`);
  return names;
}

function signatures(args: Arguments): Signatures {
  const keys = args.values("--key");
  if (!args.has("--nosignature")) return keys.length > 0 ? keys : "as here";
  if (keys.length > 0) throw usage("--key and --nosignature exclude each other");
  return "unchecked";
}

function variant(text: string): string {
  if (/^[a-z][a-z-]*$/.test(text)) return text;
  throw usage(`--variant: ${JSON.stringify(text)} is not a variant`);
}

function method(args: Arguments, operands: readonly string[]): Method {
  const kind = args.value("--method") ?? "copy";
  const [operand, ...more] = operands;
  if ((more.length > 0 && kind !== "rpm") || (kind === "debootstrap" && operand !== undefined)) {
    throw usage(`${JSON.stringify(more[0] ?? operand)} is one word too many`);
  }
  const only = ["--suite", "--mirror", "--variant"].find((flag) => args.has(flag));
  if (only !== undefined && kind !== "debootstrap") throw usage(`${only} goes with --method debootstrap`);
  if (args.has("--include") && kind !== "debootstrap" && kind !== "rpm") {
    throw usage("--include goes with --method debootstrap or rpm");
  }
  const signature = ["--key", "--nosignature"].find((flag) => args.has(flag));
  if (signature !== undefined && kind !== "rpm") throw usage(`${signature} goes with --method rpm`);
  if (args.has("--unify") && kind !== "clone") throw usage("--unify goes with --method clone");
  switch (kind) {
    case "copy":
      return { kind, source: operand ?? "/" };
    case "tar":
      if (operand === undefined) throw usage("--method tar needs a FILE");
      return { kind, file: operand };
    case "oci":
      if (operand === undefined) throw usage("--method oci needs a PATH[:TAG]");
      return { kind, image: imageReference(operand) };
    case "rpm":
      if (operand === undefined) throw usage("--method rpm needs a DIRECTORY");
      return {
        kind,
        packages: { directories: operands, include: packages(args, kind), signatures: signatures(args) },
      };
    case "clone":
      if (operand === undefined) throw usage("--method clone needs a SERVER");
      return { kind, source: serverName(operand), unify: args.has("--unify") };
    case "debootstrap": {
      const suite = parsed(args, "--suite", suiteName);
      const mirror = parsed(args, "--mirror", mirrorAddress);
      return {
        kind,
        bootstrap: { suite, mirror, variant: parsed(args, "--variant", variant), include: packages(args, kind) },
      };
    }
    default:
      throw usage(`no method ${kind}; there are ${methods.slice(0, -1).join(", ")} and ${methods.at(-1)}`);
  }
}

/** The words before the options: NAME, and what the method works on. */
function request(args: Arguments): BuildRequest {
  const [name, ...operands] = args.words;
  if (name === undefined) throw usage("a NAME is needed");
  return {
    name: serverName(name),
    method: method(args, operands),
    conf: {
      hostName: parsed(args, "--hostname", hostName),
      addresses: addresses(args),
      context: parsed(args, "--context", (text) => integer(text, 2, 65535)),
      flags: parsed(args, "--flags", (text) => flagList(text.replaceAll(",", " "))),
    },
  };
}

/** Takes NAME as its first word. */
export const command: Command = {
  manual,
  async run(args) {
    const wanted = request(args);
    const { build } = await import("../../server/build/build.ts");
    await build(wanted, console.log);
    return 0;
  },
};

/** @param argv what follows `vserver NAME build` */
export async function buildServer(name: string, argv: readonly string[]): Promise<number> {
  try {
    return await runCommand(command, [name, ...argv]);
  } catch (thrown) {
    // It is called as a part of vserver, so that is the name to look under.
    if (thrown instanceof UsageError) throw new UsageError(`vserver ${name} build`, thrown.complaint, thrown.exitCode);
    throw thrown;
  }
}
