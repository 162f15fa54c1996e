/** The script of a package that tries whatever would take it out of the server it is installed in. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { type PackageSpec, put } from "./packages.ts";

export interface Target {
  /** A file of the machine outside of the tree, with the word `told` in it. */
  readonly secret: string;
  /** A process of the machine. */
  readonly victim: number;
  /** A program that the machine or another server has too. */
  readonly program: string;
  /** Where the tree is when the script has left its root, as far as it can. */
  readonly place: string;
  /** What belongs to the machine alone: names in /dev that must not be written to, files of /proc. */
  readonly reserved: readonly string[];
}

/** A package whose script does it: each line in /root/won is a success, /root/escape has those of `escape.c`. */
export const hostilePackage = (target: Target): PackageSpec => {
  const { secret, victim, program, place, reserved } = target;
  const script = `mkdir -p /root; cp /proc/self/status /root/status; readlink /proc/self/ns/net >/root/net; ls /proc >/root/proc
exec 2>/dev/null >>/root/won
up=../../../../../../../..
for way in /proc/[0-9]*/root /proc/[0-9]*/cwd /proc/[0-9]*/fd/* /proc/self/fd/*; do
  for path in "$way${secret}" "$way/$up${secret}"; do grep -q told "$path" && echo "read $path"; done
done
mount -t tmpfs none /tmp && echo mounted
mount -t proc proc /tmp && echo mounted proc
mknod /root/disk b 8 0 && echo made a device
head -c 1 /root/disk >/root/read && [ -s /root/read ] && echo read a device
for path in ${reserved.join(" ")}; do (echo x >$path) && echo "wrote $path"; done
kill -9 ${victim} && echo killed
for device in kmsg mem console tty sda vda; do (: </dev/$device) && echo "opened $device"; done
/opt/escape ${secret} ${program} ${place} >/root/escape
sleep 98765 >/dev/null </dev/null &
exit 0`;
  return { name: "hostile", requires: ["base", "escape"], post: script, fill: (root) => put(root, "opt/hostile", "") };
};

/** The package `escape`, which it needs. @param work directory for what is compiled */
export function escapePackage(work: string): PackageSpec {
  const program = join(work, "escape");
  const { exitCode, stderr } = Bun.spawnSync(["cc", "-static", "-o", program, join(import.meta.dir, "escape.c")]);
  if (exitCode !== 0) throw new Error(`cc: ${stderr.toString()}`);
  return {
    name: "escape",
    fill: (root) => {
      put(root, "opt/escape", "", 0o755);
      copyFileSync(program, join(root, "opt/escape"));
    },
  };
}

/** The capabilities of whoever has this /proc/PID/status. */
export const powersOf = (status: string): bigint => BigInt(`0x${/CapEff:\s+(\w+)/.exec(status)?.[1]}`);

/** DAC_READ_SEARCH, NET_ADMIN, SYS_MODULE, SYS_RAWIO, SYS_ADMIN, SYS_TIME, MKNOD. */
export const machinesPowers = [2n, 12n, 16n, 17n, 21n, 25n, 27n].reduce((mask, bit) => mask | (1n << bit), 0n);
