/** Debian trees for virtual servers, as archives: with a System V init, with systemd, with OpenRC, and a small one for the demonstration. */
import type { Part } from "./cache.ts";
import { type Debian, debianRecipe, makeDebian } from "./debian.ts";

const services = ["cron", "curl", "iproute2", "nginx", "openssh-server", "postgresql", "procps", "psmisc", "rsyslog"];
const finish = ['rm -f "$1/etc/resolv.conf"'];

const guests: Readonly<Record<string, Debian>> = {
  // The init scripts that packages of Debian 13 no longer bring, rsyslog among them, are in one of their own.
  "debian-sysvinit": { packages: ["sysvinit-core", "orphan-sysvinit-scripts", ...services], finish },
  "debian-nginx": { packages: ["sysvinit-core", "curl", "iproute2", "nginx", "procps", "psmisc"], finish },
  "debian-openrc": { packages: ["openrc", "busybox-static", "curl", "exim4-daemon-light", "procps"], finish },
  "debian-systemd": { packages: ["systemd-sysv", "dbus", ...services], finish },
};

/** The archives by name; /var/cache/vserver/NAME.tar in the machine. */
export const guestParts: ReadonlyMap<string, Part> = new Map(
  Object.entries(guests).map(([name, debian]) => [
    name,
    {
      about: `tree ${name}`,
      name: `guest-${name}`,
      recipe: debianRecipe(debian),
      make: (path) => makeDebian(debian, "tar", path),
    },
  ]),
);
