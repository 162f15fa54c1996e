/** The tree the test machine runs on: Debian with what the tests and a curious user need. */
import type { Part } from "./cache.ts";
import { type Debian, debianRecipe, makeDebian } from "./debian.ts";

const packages = [
  ...["acl", "aide", "attr", "bash-completion", "bc", "bind9-dnsutils", "bpftool", "bsdextrautils", "btrfs-progs"],
  ...["bubblewrap", "busybox-static", "ca-certificates", "curl", "debootstrap", "dnsmasq", "e2fsprogs", "ethtool"],
  ...["file", "fish", "gcc", "inetutils-telnet", "inetutils-telnetd", "iperf3", "iproute2", "iputils-arping"],
  ...[
    "iputils-ping",
    "jdupes",
    "keyutils",
    "kmod",
    "less",
    "libbpf1",
    "libc6-dev",
    "libcap2-bin",
    "lksctp-tools",
    "lsof",
    "man-db",
  ],
  ...["mmdebstrap", "musl-tools", "net-tools", "netcat-openbsd", "nftables", "nginx", "numactl", "openssh-client"],
  ...["openssh-server", "postgresql", "procps", "psmisc", "python3", "quota", "rdfind", "rpm", "rsync"],
  ...[
    "rsyslog",
    "skopeo",
    "socat",
    "strace",
    "stress-ng",
    "sudo",
    "systemd",
    "tcpdump",
    "umoci",
    "unbound",
    "util-linux-extra",
  ],
  ...["vim-tiny", "wrk", "xfsprogs", "xz-utils", "zsh", "zstd"],
];

/** Known to the kernel by name, so it cannot live in the tree that it mounts. */
const firstProgram = "#!/bin/sh\\nmount -t virtiofs -o ro source /src && exec /src/machine/guest/init\\n";

/** The machine has two accounts, each with its name as password: root and user. */
const finish = [
  'chroot "$1" useradd --create-home --uid 1000 --shell /bin/bash user',
  'printf "%s\\n" root:root user:user | chroot "$1" chpasswd',
  'echo main >"$1/etc/hostname"',
  'printf "%s\\n" "127.0.0.1 localhost" "10.0.0.1 main" "::1 localhost" >"$1/etc/hosts"',
  'rm -f "$1/etc/resolv.conf"',
  `printf '${firstProgram}' >"$1/usr/sbin/machine-init" && chmod 755 "$1/usr/sbin/machine-init"`,
  'mkdir -p "$1/src" "$1/vservers" "$1/usr/lib/modules" "$1/var/cache/vserver"',
];

/** The root tree, with `extra` packages on top. */
export function rootPart(extra: readonly string[]): Part {
  const debian: Debian = { packages: [...packages, ...[...extra].sort()], finish };
  return {
    about: extra.length === 0 ? "root tree" : `root tree with ${extra.join(", ")}`,
    name: "root",
    recipe: debianRecipe(debian),
    make: (path) => makeDebian(debian, "directory", path),
  };
}
