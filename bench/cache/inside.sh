#!/bin/bash
# inside.sh TREE COUNT, as root in the test machine: what COUNT servers that run the same services take of disk and page
# cache as separate copies, as unified servers, and as containers (runc) whose roots are overlays on one tree. Prints
# `KIND RUNNING PROCESSES DISK CACHE PRIVATE`, the last three in KiB, with one running and with all.
set -eu
archive=/var/cache/vserver/$1.tar count=$2
place=/vservers/.overlays
vkernel load >/dev/null

name() { echo "bench$1"; }
address() { echo "10.0.0.$((100 + $1))"; }
build() { # NUMBER OPTION...
  local number=$1
  shift
  vserver --silent "$(name "$number")" build --interface "eth0:$(address "$number")/24" "$@" >&2
}
each() { local number; for number in $(seq 1 "$count"); do "$@" "$number"; done; }

# ---- what the control groups of all servers have been charged for; a page that several read is charged to the first

charged() { # FIELD...
  local pattern
  pattern=$(IFS='|'; echo "$*")
  cat /sys/fs/cgroup/*bench*/memory.stat | awk -v pattern="^($pattern)$" '$1 ~ pattern {sum += $2} END {printf "%d", sum / 1024}'
}
disk() { sync; df --output=used -k /vservers | tail -n 1; }
empty=$(disk)
report() { # KIND RUNNING
  local file shmem processes
  processes=$(cat /sys/fs/cgroup/*bench*/cgroup.procs /sys/fs/cgroup/*bench*/init/cgroup.procs 2>/dev/null | wc -l)
  file=$(charged file)
  shmem=$(charged shmem)
  echo "$1 $2 $processes $(($(disk) - empty)) $((file - shmem)) $(($(charged anon) + shmem))"
}

# ---- three ways to have many of them

page() { curl --silent --show-error --fail --output /dev/null "$@"; }
start_server() {
  vserver --silent "$(name "$1")" start </dev/null >&2
  page "http://$(address "$1")/"
}
stop_server() { vserver --silent "$(name "$1")" stop >&2; }

# What a container engine gives a container, its layers included.
start_container() {
  local home=$place/$1 capabilities
  mkdir -p "$home"/{upper,work,root,bundle}
  mount -t overlay -o "lowerdir=/vservers/$(name 1),upperdir=$home/upper,workdir=$home/work" overlay "$home/root"
  capabilities='["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FOWNER","CAP_FSETID","CAP_KILL","CAP_SETGID","CAP_SETUID","CAP_SETPCAP","CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_AUDIT_WRITE","CAP_NET_ADMIN"]'
  cat >"$home/bundle/config.json" <<.
{ "ociVersion": "1.0.2", "hostname": "bench$1", "root": { "path": "$home/root" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/",
    "args": ["/bin/sh", "-c", "ip link set lo up; /etc/init.d/rc 2; touch /run/started; exec sleep infinity"],
    "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
    "capabilities": { "bounding": $capabilities, "effective": $capabilities, "permitted": $capabilities } },
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
    { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"] },
    { "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev"] },
    { "destination": "/run", "type": "tmpfs", "source": "run", "options": ["nosuid", "nodev", "mode=755"] },
    { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid", "nodev", "noexec"] } ],
  "linux": { "cgroupsPath": "/container-bench$1", "namespaces": [ { "type": "pid" }, { "type": "ipc" },
    { "type": "uts" }, { "type": "mount" }, { "type": "network" }, { "type": "cgroup" } ] } }
.
  runc run --detach --bundle "$home/bundle" "bench$1" </dev/null >&2
  local tries=600 pid
  pid=$(runc state "bench$1" | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
  until [ -e "/proc/$pid/root/run/started" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ]
    sleep 0.5
  done
  nsenter --net="/proc/$pid/ns/net" curl --silent --show-error --fail --output /dev/null http://127.0.0.1/
}
stop_container() {
  runc delete --force "bench$1" >&2
  umount "$place/$1/root"
}

measure() { # KIND START STOP
  sync
  echo 3 >/proc/sys/vm/drop_caches
  "$2" 1
  sleep 5
  report "$1" 1
  local number
  for number in $(seq 2 "$count"); do "$2" "$number"; done
  sleep 5
  report "$1" "$count"
  each "$3"
}

build 1 --method tar "$archive"
for number in $(seq 2 "$count"); do build "$number" --method clone bench1; done
measure separate start_server stop_server
for number in $(seq 2 "$count"); do vserver --silent "$(name "$number")" delete --yes >&2; done
for number in $(seq 2 "$count"); do build "$number" --method clone --unify bench1; done
measure unified start_server stop_server
for number in $(seq 2 "$count"); do vserver --silent "$(name "$number")" delete --yes >&2; done
measure overlay start_container stop_container
