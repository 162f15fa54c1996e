#!/bin/sh
# A second machine in namespaces of its own: its own servers, conf files, state and network, reached by ssh at 10.9.0.2.
# Enter it by nsenter, from within its control group (named in /run/second/group) and from the same processor: newer kernels
# number mount namespaces for each processor, and one can be pinned only in a mount namespace that has a lower number (ELOOP).
# What has to be ended afterwards stands in /run/second*.pid.
set -e
mkdir -p /etc/vservers /run/second/vservers /run/second/etc /run/second/lib /root/.ssh /run/sshd
mount -t tmpfs -o size=200m second /run/second/vservers
mkdir /run/second/vservers/trees
[ -e /root/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
[ -e /run/second/key ] || ssh-keygen -q -t ed25519 -N '' -f /run/second/key
cat >/root/.ssh/config <<.
Host *
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
  ConnectTimeout 20
.
cat >/run/second/sshd_config <<.
HostKey /run/second/key
PermitRootLogin yes
UsePAM no
StrictModes no
SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
.
ip link add first type veth peer name second
ip address add 10.9.0.1/24 dev first
ip link set first up
ip route add 10.0.0.9/32 dev first
cat >/run/second/main <<'.'
set -e
mount --make-rprivate /
mount --bind /run/second/vservers/trees /vservers
mount --bind /run/second/etc /etc/vservers
mkdir -p /var/lib/vserver
mount --bind /run/second/lib /var/lib/vserver
mkdir /run/second/bpf
mount --rbind /run/vserver/bpf /run/second/bpf
mount -t tmpfs -o mode=755 vserver /run/vserver
mkdir /run/vserver/bpf
mount --rbind /run/second/bpf /run/vserver/bpf
mount -t cgroup2 cgroup2 "$cgroup"
# As on a machine with systemd: no process at the root of the control groups, or none could be passed down.
mkdir "$cgroup/own"
echo $$ >"$cgroup/own/cgroup.procs"
hostname second
echo $$ >/run/second.pid
while ! ip link show second >/dev/null 2>&1; do sleep 0.1; done
ip link set lo up
ip address add 10.9.0.2/24 dev second
ip address add 10.0.0.9/32 dev second
ip link set second up
/usr/sbin/sshd -f /run/second/sshd_config -o PidFile=/run/second.there.pid
exec sleep infinity
.
cgroup=$(findmnt --noheadings --types cgroup2 --output TARGET | head -n 1)
export cgroup
mkdir -p /var/lib/vserver "$cgroup/second"
echo "$cgroup/second/own/cgroup.procs" >/run/second/group
sh -c 'echo $$ >"$cgroup/second/cgroup.procs"; exec taskset --cpu-list 0 unshare -m -n -u -C sh /run/second/main' </dev/null >/run/second/log 2>&1 &
while [ ! -s /run/second.pid ]; do sleep 0.1; done
ip link set second netns "$(cat /run/second.pid)"
/usr/sbin/sshd -f /run/second/sshd_config -o ListenAddress=10.9.0.1 -o PidFile=/run/second.here.pid </dev/null >/dev/null 2>&1
while ! ssh root@10.9.0.2 true 2>/dev/null; do sleep 0.5; done
