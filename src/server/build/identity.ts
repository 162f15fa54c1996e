/** No two machines share an identity: ids, seeds and ssh host keys of whatever the tree was made from are replaced. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beneath, type Tree } from "../../linux/beneath.ts";
import { VserverError } from "../../text/error.ts";
import type { Job } from "./job.ts";
import { hasSystemd } from "./settings.ts";
import { toolPath } from "./tool.ts";

const secrets = [
  "var/lib/dbus/machine-id",
  "var/lib/systemd/credential.secret",
  "var/lib/systemd/random-seed",
  "var/lib/urandom/random-seed",
];

const keyPattern = /^ssh_host_(ed25519|ecdsa|rsa)_key$/;

function forget(tree: Tree): readonly string[] {
  for (const path of secrets) tree.remove(path);
  // Empty is how systemd knows that it has to make one.
  if (tree.exists("etc/machine-id") || hasSystemd(tree)) tree.write("etc/machine-id", "", 0o444);
  const names = tree.list("etc/ssh").filter((name) => name.startsWith("ssh_host_"));
  for (const name of names) tree.remove(`etc/ssh/${name}`);
  const found = names.flatMap((name) => keyPattern.exec(name)?.[1] ?? []);
  return found.length === 0 && tree.exists("etc/ssh/sshd_config") ? ["ed25519", "ecdsa", "rsa"] : found;
}

/**
 * Makes new ssh host keys by the main server's ssh-keygen, in a private directory: nothing in the tree is run, and no
 * path in it is given to a program that would follow its links.
 */
async function makeKeys(job: Job, types: readonly string[], hostName: string): Promise<void> {
  const keygen = Bun.which("ssh-keygen", { PATH: toolPath });
  if (keygen === null) {
    job.warn(`${job.object}: its ssh host keys were removed and there is no ssh-keygen here; run ssh-keygen -A in it`);
    return;
  }
  const directory = join(job.staging.directory, "keys");
  mkdirSync(directory, { mode: 0o700 });
  try {
    for (const type of types) {
      const file = join(directory, type);
      const command = [keygen, "-q", "-t", type, "-N", "", "-C", `root@${hostName}`, "-f", file];
      const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
      const said = await new Response(child.stderr).text();
      job.interrupt.check();
      if ((await child.exited) !== 0) {
        throw new VserverError({ object: job.object, attempt: `make its ${type} host key`, cause: said.trim() });
      }
      beneath(job.staging.tree, (tree) => {
        tree.write(`etc/ssh/ssh_host_${type}_key`, readFileSync(file, "utf8"), 0o600);
        tree.write(`etc/ssh/ssh_host_${type}_key.pub`, readFileSync(`${file}.pub`, "utf8"));
      });
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export async function renewIdentity(job: Job, hostName: string): Promise<void> {
  const types = beneath(job.staging.tree, forget);
  if (types.length === 0) return;
  job.progress.phase("making ssh host keys");
  await makeKeys(job, types, hostName);
}
