/** Attaches the program that steers datagrams for the further addresses of contexts to network devices. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLink, pinObject, withPinned } from "../linux/bpf.ts";
import { libc } from "../linux/libc.ts";
import { pinDirectory } from "./abi.ts";

const BPF_TCX_INGRESS = 46;

/** Number of a device of this network namespace. @throws where there is none of that name */
const deviceIndex = (device: string): number => Number(readFileSync(`/sys/class/net/${device}/ifindex`, "utf8"));

/** Attaches it to a device, once; `directory` holds the pins. A link goes with its device. */
export function steerAt(device: string, directory: string = pinDirectory): void {
  const index = deviceIndex(device);
  // A name with a dot is refused by bpffs.
  const pin = join(directory, `steer-${index}`);
  if (existsSync(pin)) return;
  const link = withPinned(join(directory, "steer"), (program) => createLink(program, index, BPF_TCX_INGRESS));
  try {
    pinObject(link, pin);
  } finally {
    libc().close(link);
  }
}
