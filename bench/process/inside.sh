#!/bin/bash
# inside.sh PROGRAMS ROUNDS, as root where servers may be made: races our tools against others for the same job on the
# same tree. PROGRAMS is the directory of race and idle.
set -eu
programs=$1 rounds=$2
name=bench root=${VSERVER_ROOT:-/vservers}/bench work=/run/bench
mkdir -p $work /etc/vservers

# shellcheck source=/dev/null
. "$(dirname "$(readlink -f "$0")")/tree.sh"
make_tree "$programs" "$root"

# ---- the contestants, in the form race reads

contestant() { local IFS=$'\t'; printf '%s\n' "$*"; }
# Says of a contestant whose program or circumstances are missing: who, and what it needs.
missing() { printf '%s\tmissing\t%s\n' "$1" "$2"; }
peer() { # PACKAGE PROGRAM CONTESTANT...
  if [ -x "$(command -v "$2")" ]; then shift 2; contestant "$@" >&3; else missing "$3" "Debian package $1"; fi
}
# Prints what is missing, then what the race of the contestants written to 3 prints.
race() { # SECTION FIFO FUNCTION
  echo "== $1"
  $3 3>$work/contest
  "$programs/race" "$rounds" "$2" <$work/contest
}

cat >/etc/vservers/$name.conf <<.
IPROOT=""
S_HOSTNAME="$name"
S_FLAGS="lock fakeinit"
ULIMIT="-HS -u 1000"
.

mkdir -p $work/lxc $work/run $work/start
cat >$work/lxc.conf <<.
lxc.rootfs.path = dir:$root
lxc.uts.name = $name
lxc.net.0.type = none
lxc.init.cmd = /sbin/init
lxc.mount.auto = proc:mixed sys:ro
lxc.autodev = 1
lxc.apparmor.profile = unconfined
.
bundle() { # DIRECTORY PROGRAM
  cat >"$1/config.json" <<.
{ "ociVersion": "1.0.2", "hostname": "$name", "root": { "path": "$root" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "args": ["$2"],
    "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
    "capabilities": { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] } },
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
    { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"] },
    { "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev"] },
    { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid", "nodev", "noexec"] } ],
  "linux": { "namespaces": [ { "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" } ] } }
.
}
bundle $work/run /bin/true
bundle $work/start /sbin/init

lxc=(-P "$work/lxc" -n "$name" -f "$work/lxc.conf")
unshare=(unshare --mount --uts --ipc --pid --cgroup --fork --kill-child --root="$root" --mount-proc)
bwrap=(bwrap --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup --die-with-parent
  --bind "$root" / --proc /proc --dev /dev)
nspawn=(systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --resolv-conf=off --timezone=off
  --link-journal=no --console=pipe)

once() {
  contestant "vserver exec, stopped server" run vserver $name exec true >&3
  if [ -e /run/vserver/bpf/active/call ]; then contestant chcontext run chcontext --silent true >&3
  else missing chcontext "a kernel with security contexts"; fi
  contestant "true, as it is" run true >&3
  contestant "vserver --version" run vserver --version >&3
  peer util-linux unshare unshare run "${unshare[@]}" true
  peer bubblewrap bwrap bwrap run "${bwrap[@]}" true
  peer lxc lxc-execute lxc-execute run lxc-execute "${lxc[@]}" -- true
  peer runc runc runc run runc run --bundle $work/run $name
  peer systemd-container systemd-nspawn systemd-nspawn run "${nspawn[@]}" true
}

start() {
  contestant "vserver start" start vserver --silent $name start "" vserver --silent $name stop >&3
  peer util-linux unshare unshare stay "${unshare[@]}" /sbin/init
  peer bubblewrap bwrap bwrap stay "${bwrap[@]}" --as-pid-1 /sbin/init
  peer lxc lxc-start lxc-start start lxc-start "${lxc[@]}" "" lxc-stop -P $work/lxc -n $name -k
  peer runc runc "runc run --detach" start runc run --detach --bundle $work/start $name "" runc delete --force $name
  peer systemd-container systemd-nspawn systemd-nspawn stay "${nspawn[@]}" /sbin/init
}

enter() {
  local pins=/run/vserver/$name
  contestant vexec run vexec $name true >&3
  contestant "vserver exec" run vserver $name exec true >&3
  peer util-linux nsenter "nsenter + setpriv" run nsenter --mount=$pins/mnt --uts=$pins/uts --ipc=$pins/ipc \
    --cgroup=$pins/cgroup --pid=$pins/pid setpriv --bounding-set=-sys_admin,-sys_module,-sys_rawio,-net_admin,-mknod \
    --inh-caps=-all true
  peer lxc lxc-attach lxc-attach run lxc-attach -P $work/lxc -n $name --clear-env -- true
  peer runc runc "runc exec" run runc exec $name true
}

race once "" once
race start "$root/ready" start

vserver --silent $name start
[ ! -x "$(command -v lxc-start)" ] || lxc-start "${lxc[@]}" || true
[ ! -x "$(command -v runc)" ] || runc run --detach --bundle $work/start $name </dev/null >/dev/null || true
race enter "" enter
[ ! -x "$(command -v runc)" ] || runc delete --force $name || true
[ ! -x "$(command -v lxc-stop)" ] || lxc-stop -P $work/lxc -n $name -k || true
vserver --silent $name stop
