/** Builds a server: its tree appears under its name complete or not at all, and its conf file with it. */
import { chmodSync, chownSync } from "node:fs";
import { beneath } from "../../linux/beneath.ts";
import { VserverError } from "../../text/error.ts";
import type { RootAddresses } from "../conf/addresses.ts";
import type { ServerConf } from "../conf/server.ts";
import { reasonToRest } from "../move/role.ts";
import type { ServerName } from "../name.ts";
import { confFile, serverDirectory, serversRoot } from "../paths.ts";
import { clone, unifiedClone } from "./clone.ts";
import { expectFreeContext, forgetUnfinishedConf, freshConf, presentConf, type WantedConf, writeConf } from "./conf.ts";
import { copy } from "./copy.ts";
import { type Bootstrap, debootstrap } from "./debootstrap.ts";
import { makeDevices } from "./devices.ts";
import { renewIdentity } from "./identity.ts";
import { Interrupt } from "./interrupt.ts";
import type { Job } from "./job.ts";
import { unpackImage } from "./oci/oci.ts";
import type { ImageReference } from "./oci/reference.ts";
import { Progress } from "./progress.ts";
import { installReboot } from "./reboot.ts";
import { lockRoot } from "./root.ts";
import { installPackages, type RpmSource } from "./rpm/rpm.ts";
import { disableServices } from "./services.ts";
import { writeHostName, writeMountTables, writeResolver } from "./settings.ts";
import { closeStaging, ensureServersRoot, expectFree, openStaging, publish, wasPublished } from "./staging.ts";
import { unpack } from "./unpack.ts";

export type Method =
  | { readonly kind: "copy"; readonly source: string }
  | { readonly kind: "debootstrap"; readonly bootstrap: Bootstrap }
  | { readonly kind: "tar"; readonly file: string }
  | { readonly kind: "oci"; readonly image: ImageReference }
  | { readonly kind: "rpm"; readonly packages: RpmSource }
  | { readonly kind: "clone"; readonly source: ServerName; readonly unify: boolean };

export interface BuildRequest {
  readonly name: ServerName;
  readonly method: Method;
  readonly conf: WantedConf;
}

function populate(job: Job, method: Method, root: string): Promise<void> {
  switch (method.kind) {
    case "copy":
      return copy(job, method.source, root);
    case "debootstrap":
      return debootstrap(job, method.bootstrap);
    case "tar":
      return unpack(job, method.file);
    case "oci":
      return unpackImage(job, method.image);
    case "rpm":
      return installPackages(job, method.packages);
    case "clone":
      return method.unify ? unifiedClone(job, method.source) : clone(job, method.source);
  }
}

const firstAddress = (addresses: RootAddresses): string | undefined =>
  typeof addresses === "string" ? undefined : addresses.find((one) => one.kind === "ipv4")?.host;

/** Turns the tree of a machine into that of a server. */
async function finish(job: Job, method: Method, request: BuildRequest, present?: ServerConf): Promise<ServerConf> {
  job.progress.phase("setting up");
  // An archive may say that its top belongs to whoever packed it, closed to all others.
  chownSync(job.staging.tree, 0, 0);
  chmodSync(job.staging.tree, 0o755);
  const { conf, refused } = beneath(job.staging.tree, (tree) => {
    const conf = present ?? freshConf(request.name, request.conf, tree);
    const refused = makeDevices(tree);
    tree.makeDirectory("etc");
    // A cloned server has been set up once; what its administrator changed since stays.
    if (method.kind !== "clone") {
      writeMountTables(tree);
      const off = disableServices(tree, method.kind === "copy");
      if (off.length > 0) job.tell(`Switched off in it: ${off.join(", ")}`);
      lockRoot(tree);
    }
    const address = request.conf.addresses === undefined ? undefined : firstAddress(conf.iproot);
    writeHostName(tree, conf.hostName ?? request.name, address);
    installReboot(tree);
    writeResolver(tree, method.kind !== "debootstrap");
    tree.chmod("etc", 0o755);
    return { conf, refused };
  });
  if (refused !== undefined) job.warn(`${refused.message}; the server has only the devices that start makes for it`);
  await renewIdentity(job, conf.hostName ?? request.name);
  return conf;
}

/** @throws VserverError when the name is that of a server which another machine has, or is getting, or gives us. */
function expectOurs(name: ServerName): void {
  const reason = reasonToRest(name);
  if (reason === undefined) return;
  const wayOut = `${reason.wayOut}, or forget that server here: vserver ${name} delete`;
  throw new VserverError({ object: `vserver ${name}`, attempt: "build it", cause: reason.cause, wayOut });
}

/**
 * @param say told what was done, in the words of 2003
 * @throws VserverError, and nothing is left behind
 */
export async function build(request: BuildRequest, say: (line: string) => void): Promise<void> {
  const { name, method } = request;
  const object = `vserver ${name}`;
  if (process.getuid?.() !== 0) {
    throw new VserverError({ object, attempt: "build it", cause: "only root may", wayOut: "become root" });
  }
  process.umask(0o022);
  const root = serversRoot();
  const target = serverDirectory(name);
  const present = presentConf(name, request.conf);
  expectFreeContext(name, request.conf.context);
  if (ensureServersRoot(root)) say(`Directory ${root} was created with permissions 000`);
  const words = JSON.stringify(method);
  if (wasPublished(root, name, target, words)) {
    closeStaging(await openStaging(object, root, name, words));
    forgetUnfinishedConf(name);
    say(`Directory ${target} has been populated`);
    return;
  }
  expectFree(object, root, target);
  expectOurs(name);
  const progress = new Progress(name);
  const interrupt = new Interrupt(object);
  const warn = (line: string) => {
    progress.clear();
    console.error(line);
  };
  try {
    const staging = await openStaging(object, root, name, words);
    try {
      forgetUnfinishedConf(name);
      const told: string[] = [];
      const tell = (line: string) => void told.push(line);
      const job: Job = { name, object, staging, progress, interrupt, warn, tell };
      // Whoever had the lock before us may have finished the same server.
      expectFree(object, root, target);
      await populate(job, method, root);
      const conf = await finish(job, method, request, present);
      interrupt.check();
      const written = present === undefined && writeConf(name, conf);
      publish(object, staging, target);
      progress.clear();
      say(`Directory ${target} has been populated`);
      for (const line of told) say(line);
      if (written) say(`${confFile(name)} has been created. Look at it!`);
    } finally {
      progress.clear();
      closeStaging(staging);
    }
  } finally {
    interrupt.stop();
  }
}
