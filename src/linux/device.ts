/** Network devices by name: what addresses they have. */
import { networkInterfaces } from "node:os";
import { familyBits, type InetAddress } from "./inet.ts";
import { exists } from "./proc.ts";

/** The addresses of a device (or alias, `eth0:web`) that is up; undefined when there is no device of that name. */
export function deviceInet(name: string): readonly InetAddress[] | undefined {
  const found = networkInterfaces()[name];
  if (found !== undefined) {
    return found.map(({ address, cidr }) => ({ address, prefix: Number(cidr?.split("/")[1] ?? familyBits(address)) }));
  }
  return /^[^/]+$/.test(name) && !/^\.{1,2}$/.test(name) && exists(`/sys/class/net/${name}`) ? [] : undefined;
}
