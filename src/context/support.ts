/** What of this kernel the contexts need, asked of the kernel itself. */
import { existsSync, readFileSync } from "node:fs";
import { mounts } from "../linux/mount.ts";
import { readText } from "../linux/proc.ts";

export interface Finding {
  readonly what: string;
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  /** What to do when it is missing. */
  readonly wayOut: string;
}

/** Oldest kernel the object is made for and tested on. */
export const oldestKernel = [6, 12] as const;

function kernelVersion(): Finding {
  const release = readText("/proc/sys/kernel/osrelease").trim();
  const [major = 0, minor = 0] = release.split(".").map(Number);
  const ok = major > oldestKernel[0] || (major === oldestKernel[0] && minor >= oldestKernel[1]);
  return { what: "kernel 6.12 or newer", ok, found: release, wayOut: "boot a newer kernel (Debian 13 has 6.12)" };
}

const securityModules = "/sys/kernel/security/lsm";

function bpfLsm(): Finding {
  const active = existsSync(securityModules) ? readFileSync(securityModules, "utf8").trim() : undefined;
  const others = active ?? "landlock,lockdown,yama,integrity,apparmor";
  return {
    what: "bpf among the active security modules",
    ok: active?.split(",").includes("bpf") ?? false,
    found: active ?? `${securityModules} is not there`,
    wayOut:
      active === undefined
        ? "mount -t securityfs none /sys/kernel/security; if it stays away the kernel was built without CONFIG_SECURITY"
        : `add lsm=${others},bpf to the kernel command line (the kernel needs CONFIG_BPF_LSM=y) and reboot`,
  };
}

const kernelTypes = "/sys/kernel/btf/vmlinux";

function typeInformation(): Finding {
  const ok = existsSync(kernelTypes);
  return {
    what: "type information of the kernel",
    ok,
    found: ok ? kernelTypes : `${kernelTypes} is not there`,
    wayOut: "use a kernel with CONFIG_DEBUG_INFO_BTF=y",
  };
}

function unifiedCgroups(): Finding {
  const found = mounts().find((one) => one.type === "cgroup2" && one.root === "/");
  return {
    what: "cgroup v2",
    ok: found !== undefined,
    found: found === undefined ? "not mounted" : `mounted on ${found.target}`,
    wayOut: "mount -t cgroup2 none /sys/fs/cgroup (cgroup v1 is not supported)",
  };
}

function lockdown(): Finding {
  const path = "/sys/kernel/security/lockdown";
  const text = existsSync(path) ? readFileSync(path, "utf8").trim() : "[none]";
  return {
    what: "no lockdown=confidentiality",
    ok: !text.includes("[confidentiality]"),
    found: text,
    wayOut: "boot with lockdown=integrity at most: confidentiality forbids programs to read kernel memory",
  };
}

/** Everything that can be told without loading a program, in the order it should be mended. */
export const findings = (): readonly Finding[] => [
  kernelVersion(),
  bpfLsm(),
  typeInformation(),
  unifiedCgroups(),
  lockdown(),
];
