#!/bin/bash
# native.sh BUN TOOLS COMMAND..., as root in a mount namespace of its own: a command that makes servers, on this very
# machine, which is afterwards as it was, for /etc and /run are copies in memory.
set -eu
here=$(dirname "$(readlink -f "$0")")
bun=$1 tools=$2
shift 2

kernel_half=/run/vserver/bpf
if [ -e $kernel_half/active ]; then exec 9<$kernel_half; else exec 9</; fi
mount -t tmpfs -o mode=755 bench /run
mkdir /run/{etc,lock,servers}
cp -a /etc/. /run/etc
mount --bind /run/etc /etc
rm -rf /etc/vservers
mkdir /etc/vservers
printf "CONTEXTS=optional\nLIMITS=optional\n" >/etc/vserver.conf
export PATH=$tools:/usr/sbin:/usr/bin:/sbin:/bin VSERVER_ROOT=/run/servers

# The one hierarchy everybody can use: of the older ones some refuse processes with real-time priority.
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup

if [ -e /proc/self/fd/9/active ]; then
  mkdir -p $kernel_half
  mount --bind /proc/self/fd/9 $kernel_half
elif ! vkernel check >/dev/null 2>&1; then
  "$bun" "$here/pin-call.ts" || true
fi
exec 9<&-
"$@"
