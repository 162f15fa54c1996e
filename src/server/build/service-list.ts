/** Services that have nothing to do in a server: the machine's hardware, network, clock, kernel and file systems are not its own. */

/** Names of System V scripts: the list of 2003, and what has taken their place. */
export const uselessScripts: ReadonlySet<string> = new Set([
  ...["apmd", "network", "autofs", "dhcpd", "gpm", "ipchains", "iptables", "irda", "isdn", "keytable", "kudzu"],
  ...["linuxconf-setup", "netfs", "nfs", "nfslock", "pcmcia", "pppoe", "random", "rawdevices", "rhnsd", "vservers"],
  ...["acpid", "apparmor", "auditd", "bluetooth", "brightness", "checkfs.sh", "checkroot-bootclean.sh", "checkroot.sh"],
  ...["console-screen.sh", "console-setup.sh", "cryptdisks", "cryptdisks-early", "eudev", "firewalld", "haldaemon"],
  ...[
    "hdparm",
    "hostname.sh",
    "hwclock.sh",
    "hwclockfirst.sh",
    "ifplugd",
    "ip6tables",
    "irqbalance",
    "keyboard-setup.sh",
    "keymap.sh",
  ],
  ...["kmod", "lm-sensors", "lvm2", "lvm2-lvmpolld", "lvm2-monitor", "mdadm", "mdadm-raid", "module-init-tools"],
  ...[
    "modutils",
    "mount-configfs",
    "mountall.sh",
    "mountdevsubfs.sh",
    "mountkernfs.sh",
    "mountnfs.sh",
    "multipath-tools",
    "networking",
  ],
  ...["NetworkManager", "network-manager", "nfs-common", "nftables", "ntp", "ntpd", "ntpsec", "chrony", "numad"],
  ...["open-iscsi", "pppd-dns", "procps", "rebootmgr", "resolvconf", "rng-tools", "rpcbind", "smartd", "smartmontools"],
  ...["smartd", "sysstat", "tuned", "udev", "udev-finish", "ufw", "urandom", "wpa_supplicant", "x11-common"],
]);

/** Further names of OpenRC's. */
export const uselessOpenrc: ReadonlySet<string> = new Set([
  ...["binfmt", "cgroups", "consolefont", "dev-mount", "dev-settle", "devfs", "dmesg", "fsck", "fuse", "hostname"],
  ...["hwclock", "hwdrivers", "keymaps", "kmod-static-nodes", "localmount", "loopback", "mdev", "modloop", "modules"],
  ...["mount-ro", "mtab", "netmount", "numlock", "opentmpfiles-dev", "osclock", "procfs", "root", "save-keymaps"],
  ...["save-termencoding", "seedrng", "staticroute", "static-nodes", "swap", "swclock", "sysctl", "sysfs"],
  ...["systemd-tmpfiles-setup-dev", "termencoding", "udev-postmount", "udev-settle", "udev-trigger", "zram-init"],
]);

/** Services of the machine that a copy of it would start a second time. */
export const machinesScripts: ReadonlySet<string> = new Set([
  ...["portmap", "rstatd", "ruserd", "rwalld", "rwhod", "sendmail", "smb", "snmpd", "v_httpd", "v_sshd", "xfs"],
  ...["ypbind", "xinetd", "docker", "containerd", "libvirtd", "lxc", "lxc-net", "qemu-guest-agent"],
]);

/** Scripts of runlevels 0 and 6 that would halt the machine or take its file systems away. */
export const endingScripts: ReadonlySet<string> = new Set([
  ...["halt", "reboot", "hwclock.sh", "kexec", "kexec-load", "umountfs", "umountnfs.sh", "umountroot", "networking"],
  ...["mdadm-waitidle", "cryptdisks", "cryptdisks-early", "lvm2"],
]);

const mounts = [
  ...["dev-hugepages.mount", "dev-mqueue.mount", "proc-sys-fs-binfmt_misc.automount", "proc-sys-fs-binfmt_misc.mount"],
  ...["sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount"],
  // Mounted by start, and part of the tree.
  ...["run-lock.mount", "tmp.mount"],
];

/** systemd's units for the same. */
export const uselessUnits: readonly string[] = [
  ...mounts,
  ...[
    "acpid.service",
    "acpid.socket",
    "apparmor.service",
    "auditd.service",
    "bluetooth.service",
    "blk-availability.service",
  ],
  ...[
    "chrony.service",
    "chronyd.service",
    "console-getty.service",
    "console-setup.service",
    "container-getty@.service",
  ],
  ...["cryptdisks.service", "cryptdisks-early.service", "dhcpcd.service", "dm-event.socket", "e2scrub_all.timer"],
  ...["e2scrub_reap.service", "firewalld.service", "fstrim.timer", "getty@.service", "getty-static.service"],
  ...["hwclock.service", "ifup@.service", "ip6tables.service", "iptables.service", "irqbalance.service"],
  ...[
    "iscsid.service",
    "kdump-tools.service",
    "keyboard-setup.service",
    "kmod-static-nodes.service",
    "lvm2-lvmpolld.socket",
  ],
  ...["lvm2-monitor.service", "mdadm.service", "mdmonitor.service", "modprobe@.service", "ModemManager.service"],
  ...[
    "multipathd.service",
    "multipathd.socket",
    "network-manager.service",
    "networking.service",
    "NetworkManager.service",
  ],
  ...["NetworkManager-wait-online.service", "nfs-client.target", "nftables.service", "ntp.service", "ntpd.service"],
  ...["ntpsec.service", "open-iscsi.service", "rpcbind.service", "rpcbind.socket", "serial-getty@.service"],
  ...["smartd.service", "smartmontools.service", "systemd-backlight@.service", "systemd-binfmt.service"],
  ...["systemd-firstboot.service", "systemd-fsck-root.service", "systemd-fsck@.service", "systemd-hwdb-update.service"],
  ...["systemd-journald-audit.socket", "systemd-modules-load.service", "systemd-network-generator.service"],
  ...["systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service"],
  ...["systemd-pstore.service", "systemd-quotacheck.service", "systemd-random-seed.service"],
  ...["systemd-remount-fs.service", "systemd-resolved.service", "systemd-rfkill.service", "systemd-rfkill.socket"],
  ...["systemd-sysctl.service", "systemd-timesyncd.service", "systemd-time-wait-sync.service"],
  ...["systemd-udev-settle.service", "systemd-udev-trigger.service", "systemd-udevd.service"],
  ...["systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "systemd-vconsole-setup.service"],
  ...["tuned.service", "ufw.service", "wpa_supplicant.service"],
];

/** Units of the machine that a copy of it would start a second time. */
export const machinesUnits: readonly string[] = [
  ...["containerd.service", "docker.service", "docker.socket", "libvirtd.service", "libvirtd.socket", "lxc.service"],
  ...["lxc-net.service", "qemu-guest-agent.service", "sendmail.service", "smbd.service", "snmpd.service"],
  ...["vservers.service", "rebootmgr.service", "xinetd.service", "ypbind.service"],
];
