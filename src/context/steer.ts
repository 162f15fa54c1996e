/** Attaches the program that steers datagrams for the further addresses of contexts to network devices. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { createLink, pinObject, withPinned } from "../linux/bpf.ts";
import { errnoNumber, SystemCallError } from "../linux/errno.ts";
import { libc } from "../linux/libc.ts";
import { pinDirectory } from "./abi.ts";

const BPF_TCX_INGRESS = 46;

/** Number of a device of this network namespace. @throws where there is none of that name */
const deviceIndex = (device: string): number => Number(readFileSync(`/sys/class/net/${device}/ifindex`, "utf8"));

/** A link outlives its device as a pin that does nothing. */
function isAttached(pin: string): boolean {
  return withPinned(pin, (link) => !/^ifindex:\s*0$/m.test(readFileSync(`/proc/self/fdinfo/${link}`, "utf8")));
}

/** Drops the pins of devices that are gone: a new device may get the number of one. */
function dropGone(directory: string): void {
  const pins = readdirSync(directory).filter((file) => /^steer-\d+$/.test(file));
  for (const pin of pins.map((file) => join(directory, file))) if (!isAttached(pin)) rmSync(pin, { force: true });
}

/** Attaches it to a device, once; `directory` holds the pins. */
export function steerAt(device: string, directory: string = pinDirectory): void {
  const index = deviceIndex(device);
  // A name with a dot is refused by bpffs.
  const pin = join(directory, `steer-${index}`);
  dropGone(directory);
  if (existsSync(pin)) return;
  const link = withPinned(join(directory, "steer"), (program) => createLink(program, index, BPF_TCX_INGRESS));
  try {
    pinObject(link, pin);
  } finally {
    libc().close(link);
  }
}

/** Attaches it where these addresses are, if the kernel half is loaded and this process may. The loopback has it in any case. */
export function steerAtCarriers(addresses: readonly string[]): void {
  if (!existsSync(join(pinDirectory, "steer"))) return;
  const carrying = Object.entries(networkInterfaces()).filter(([, found]) =>
    found?.some(({ address, internal }) => !internal && addresses.includes(address)),
  );
  // An alias has its device's name before the colon.
  for (const device of new Set(carrying.map(([name]) => name.replace(/:.*/, "")))) {
    try {
      steerAt(device);
    } catch (thrown) {
      // In a context root does not attach programs.
      if (!(thrown instanceof SystemCallError && thrown.errno === errnoNumber("EPERM"))) throw thrown;
    }
  }
}
