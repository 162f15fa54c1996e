/** The few files under etc that must be a server's own: fstab and mtab, host name, hosts, resolver. */
import { existsSync, readFileSync } from "node:fs";
import type { Tree } from "../../linux/beneath.ts";

/** The root device that a server is told it has: nothing could be done with the real one. */
const fakeDevice = "/dev/hdv1";

/** Where systemd and most distributions since have the table of mounts. */
const kernelMounts = "../proc/self/mounts";

export const hasSystemd = (tree: Tree): boolean =>
  ["usr/lib/systemd/systemd", "lib/systemd/systemd"].some((path) => tree.exists(path));

export function writeMountTables(tree: Tree): void {
  const link = tree.target("etc/mtab") ?? (tree.type("etc/mtab") === undefined ? kernelMounts : undefined);
  if (link !== undefined) tree.link("etc/mtab", link);
  else {
    tree.write("etc/mtab", `${fakeDevice} / ext2 rw 0 0\n`);
    tree.write(fakeDevice, "");
  }
  // systemd would wait for the device to appear.
  const entry = `${fakeDevice} / ext2 defaults 0 0`;
  tree.write("etc/fstab", hasSystemd(tree) ? "# The main server mounts this server's root.\n" : `${entry}\n`);
}

/**
 * The text of `hosts` with the server's name in it; lines that are only about a machine it was made from go.
 *
 * @param oldName host name found in the tree
 * @param address first address of the server; without one the name stands for a loopback address of its own
 */
export function hostsText(text: string, oldName: string, name: string, address: string | undefined): string {
  const [oldShort] = oldName.split(".");
  const kept = text.split("\n").filter((line) => {
    const [, ...names] = line.replace(/#.*/, "").split(/\s+/).filter(Boolean);
    const ownNames = names.filter((one) => one !== name && (oldName === "" || (one !== oldName && one !== oldShort)));
    return names.length === 0 || ownNames.length > 0;
  });
  while (kept.at(-1)?.trim() === "") kept.pop();
  const says = (host: string) => kept.some((line) => line.replace(/#.*/, "").split(/\s+/).slice(1).includes(host));
  if (!says("localhost")) kept.unshift("127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback");
  const [short] = name.split(".");
  if (!says(name)) kept.push(`${address ?? "127.0.1.1"}\t${name}${short === name ? "" : ` ${short}`}`);
  return `${kept.join("\n")}\n`;
}

export function writeHostName(tree: Tree, name: string, address: string | undefined): void {
  const oldName = tree.readText("etc/hostname")?.trim() ?? "";
  tree.write("etc/hostname", `${name}\n`);
  tree.write("etc/hosts", hostsText(tree.readText("etc/hosts") ?? "", oldName, name, address));
}

/** The main server's resolver settings, unless they name a resolver that only it can reach. */
function hostResolver(): string | undefined {
  const [plain, upstream] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
  const text = existsSync(plain) ? readFileSync(plain, "utf8") : undefined;
  const stub = text !== undefined && /^nameserver\s+127\.0\.0\.53/m.test(text);
  return stub && existsSync(upstream) ? readFileSync(upstream, "utf8") : text;
}

/** A resolver of its own is kept, unless the tree was made here; a link into /run would stay dangling. */
export function writeResolver(tree: Tree, keepOwn: boolean): void {
  const own = tree.type("etc/resolv.conf") === "file" ? tree.readText("etc/resolv.conf") : undefined;
  if (keepOwn && own !== undefined && /^nameserver\s/m.test(own)) return;
  const text = hostResolver();
  if (text !== undefined) tree.write("etc/resolv.conf", text);
}
