/** A distribution of rpm packages, made of this machine's own programs: enough for a shell, and for rpm itself to run in it. */
import { cpSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface PackageSpec {
  readonly name: string;
  readonly version?: string;
  readonly requires?: readonly string[];
  readonly provides?: readonly string[];
  /** Script that runs when it has been installed. */
  readonly post?: string;
  /** Script that runs before. */
  readonly pre?: string;
  /** Puts its files below a directory that becomes the root. */
  readonly fill: (root: string) => void;
}

function run(...command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${command[0]}: ${stderr.toString()}`);
  return stdout.toString();
}

/** Fast, and files as they are. */
const macros = [
  ...["_binary_payload w.ufdio", "__os_install_post %{nil}", "debug_package %{nil}", "_build_id_links none"],
  ...[
    "source_date_epoch_from_changelog 0",
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
  ],
].flatMap((macro) => ["--define", macro]);

/** Makes a package. @param work directory for what rpmbuild makes; @returns the file, below `repository` */
export function makePackage(work: string, repository: string, spec: PackageSpec): string {
  const { name, version = "1", requires = [], provides = [], pre, post } = spec;
  const root = join(work, `${name}-${version}`);
  mkdirSync(root, { recursive: true });
  spec.fill(root);
  const lines = [
    ...[`Name: ${name}`, `Version: ${version}`, "Release: 1", "Summary: test", "License: none", "AutoReqProv: no"],
    ...requires.map((one) => `Requires: ${one}`),
    ...provides.map((one) => `Provides: ${one}`),
    ...["%description", "test", "%install", `cp -a ${root}/. %{buildroot}`],
    ...(pre === undefined ? [] : ["%pre", pre]),
    ...(post === undefined ? [] : ["%post", post]),
    ...["%files", "%defattr(-,root,root)", ...readdirSync(root).map((one) => `/${one}`)],
  ];
  const file = join(work, `${name}.spec`);
  writeFileSync(file, `${lines.join("\n")}\n`);
  const top = ["--define", `_topdir ${work}`, "--define", `_rpmdir ${repository}`];
  run("env", "SOURCE_DATE_EPOCH=1000000000", "rpmbuild", "-bb", "--quiet", ...macros, ...top, file);
  const [arch = ""] = run("rpm", "--eval", "%{_arch}").split("\n");
  return join(repository, arch, `${name}-${version}-1.${arch}.rpm`);
}

export function put(root: string, path: string, content: string, mode = 0o644): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode });
}

/** Where a file is in a tree whose /bin, /lib and so on are links. */
const merged = (path: string): string => path.replace(/^\/(bin|sbin|lib|lib32|lib64)\//, "/usr/$1/");

/** Copies programs of this machine with the libraries they need. */
function copyPrograms(root: string, names: readonly string[]): void {
  const files = names.map((name) => Bun.which(name) ?? name);
  const libraries = files.flatMap((file) =>
    [...run("ldd", file).matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? ""),
  );
  for (const file of new Set([...files, ...libraries])) {
    const target = join(root, merged(file));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(realpathSync(file), target);
  }
}

const programs = [
  ...["cat", "chmod", "chroot", "cp", "date", "echo", "env", "grep", "head", "id", "ls", "mkdir", "mknod", "mount"],
  ...["mv", "readlink", "rm", "rmdir", "sed", "sh", "sleep", "stat", "touch", "uname", "unshare"],
];

function fillBase(root: string): void {
  copyPrograms(root, programs);
  for (const name of ["bin", "lib", "lib64", "sbin"]) {
    mkdirSync(join(root, "usr", name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
  for (const path of ["root", "tmp", "var/lib", "var/log"]) mkdirSync(join(root, path), { recursive: true });
  put(root, "etc/passwd", "root::0:0:root:/root:/bin/sh\n");
  put(root, "etc/group", "root:x:0:\n");
  put(root, "etc/shadow", "root::1::::::\n", 0o600);
  // What a distribution's init would run: a service that says that it runs, and ends when it is asked to.
  put(root, "etc/rc.d/rc", '#!/bin/sh\n[ "$1" = 0 ] || (sleep 100000 <&- >&- 2>&- &)\n', 0o755);
}

/** rpm with what it reads when it runs. Libraries that are in `base` as well are the same files, which rpm allows. */
function fillRpm(root: string): void {
  copyPrograms(root, ["rpm"]);
  cpSync("/usr/lib/rpm", join(root, "usr/lib/rpm"), { recursive: true });
  put(root, "etc/rpm/macros", "%_dbpath /var/lib/rpm\n");
}

/** Makes the packages `base` and `rpm`; returns the directory that has them. */
export function makeDistribution(work: string): string {
  const repository = join(work, "packages");
  makePackage(work, repository, { name: "base", provides: ["/bin/sh"], fill: fillBase });
  makePackage(work, repository, { name: "rpm", requires: ["base"], fill: fillRpm });
  return repository;
}

/** A person with a key to sign packages with. */
export interface Signer {
  /** File of the public key. */
  readonly key: string;
  sign(file: string): void;
  end(): void;
}

/** @param directory is made, for the secret key */
export function makeSigner(directory: string): Signer {
  mkdirSync(directory, { mode: 0o700 });
  const gpg = (...words: string[]) => run("gpg", "--homedir", directory, "--batch", "--quiet", ...words);
  gpg("--passphrase", "", "--quick-generate-key", "test", "rsa2048", "sign", "never");
  const key = join(directory, "key.asc");
  writeFileSync(key, gpg("--armor", "--export"));
  const macros = [`_gpg_path ${directory}`, "_gpg_name test", `__gpg ${Bun.which("gpg")}`];
  return {
    key,
    sign: (file) => void run("rpmsign", ...macros.flatMap((macro) => ["--define", macro]), "--addsign", file),
    end: () => void run("gpgconf", "--homedir", directory, "--kill", "all"),
  };
}

/** Changes a byte of the signature, and nothing that has a digest. */
export function spoilSignature(file: string): void {
  const query = ["--query", "--package", "--nosignature", "--queryformat", "%{RSAHEADER:base64}", file];
  const signature = Buffer.from(run("rpm", ...query), "base64");
  const bytes = readFileSync(file);
  const last = bytes.indexOf(signature) + signature.length - 1;
  bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
  writeFileSync(file, bytes);
}
