#!/bin/bash
# many.sh PROGRAMS COUNT..., as root where servers may be made: starts and stops so many idle servers, one after the other
# and as many at a time as there are processors, with our tools and others. A line is, separated by tabs: tool, servers,
# milliseconds of start and stop one by one, of start and stop together, KiB of all processes that stay beside the
# servers' own (proportional set size), how many those are, KiB that programs and kernel use more than before in the whole
# machine. With ALONE=1 nothing else runs here, and that is worth waiting for.
set -eu
programs=$1
shift
base=${VSERVER_ROOT:-/vservers} work=/run/bench
jobs=$(nproc)
most=$(printf '%s\n' "$@" | sort -n | tail -n 1)
# shellcheck source=/dev/null
. "$(dirname "$(readlink -f "$0")")/tree.sh"
mkdir -p $work/{lxc,conf} /etc/vservers
make_tree "$programs" "$base/many0"
for at in $(seq "$most"); do
  cp -al "$base/many0" "$base/many$at"
  rm "$base/many$at/ready"
  mkfifo "$base/many$at/ready"
  printf 'IPROOT=""\nS_HOSTNAME="many%s"\nS_FLAGS="lock fakeinit"\nONBOOT=yes\n' "$at" >"$work/conf/many$at.conf"
  cat >"$work/lxc/many$at.conf" <<.
lxc.rootfs.path = dir:$base/many$at
lxc.uts.name = many$at
lxc.net.0.type = none
lxc.init.cmd = /sbin/init
lxc.mount.auto = proc:mixed sys:ro
lxc.autodev = 1
lxc.apparmor.profile = unconfined
.
done

# ---- how each tool starts and stops one, and all

vserver_start() { vserver --silent "many$1" start; }
vserver_stop() { vserver --silent "many$1" stop; }
vserver_start_all() { vservers --jobs "$jobs" start >/dev/null; }
vserver_stop_all() { vservers --jobs "$jobs" stop >/dev/null; }

lxc_start() { lxc-start -P $work/lxc -n "many$1" -f "$work/lxc/many$1.conf"; }
lxc_stop() { lxc-stop -P $work/lxc -n "many$1" -k; }
lxc_start_all() { seq "$1" | xargs -P "$jobs" -I{} lxc-start -P $work/lxc -n many{} -f $work/lxc/many{}.conf; }
lxc_stop_all() { seq "$1" | xargs -P "$jobs" -I{} lxc-stop -P $work/lxc -n many{} -k; }

# It does not return: whoever starts it waits for the server's own word.
declare -a supervisors
nspawn_begin() {
  systemd-nspawn --quiet --register=no --keep-unit --directory="$base/many$1" --machine="many$1" --resolv-conf=off \
    --timezone=off --link-journal=no --console=pipe --kill-signal=SIGTERM /sbin/init </dev/null >/dev/null 2>&1 &
  supervisors[$1]=$!
}
nspawn_start() { nspawn_begin "$1"; ready "$1"; }
nspawn_stop() { kill -TERM "${supervisors[$1]}"; wait "${supervisors[$1]}" || true; }
nspawn_start_all() {
  local at next=1
  for at in $(seq "$1"); do
    while [ "$next" -le "$1" ] && [ "$next" -lt $((at + jobs)) ]; do nspawn_begin "$next"; next=$((next + 1)); done
    ready "$at"
  done
}
nspawn_stop_all() {
  local at
  for at in $(seq "$1"); do kill -TERM "${supervisors[$at]}"; done
  for at in $(seq "$1"); do wait "${supervisors[$at]}" || true; done
}

# ---- measuring

declare -a words
# Whoever starts writes when somebody listens.
listen() {
  local at word
  for at in $(seq "$1"); do
    exec {word}<>"$base/many$at/ready"
    words[at]=$word
  done
}
unlisten() {
  local at word
  for at in $(seq "$1"); do
    word=${words[$at]}
    exec {word}<&-
  done
}
ready() { read -r -N 1 -t 60 -u "${words[$1]}" || { echo "many$1 does not start" >&2; exit 1; }; }
all_ready() { local at; for at in $(seq "$1"); do ready "$at"; done; }

milliseconds() { # COMMAND...
  local began=${EPOCHREALTIME/./}
  "$@" >&2
  echo $(((${EPOCHREALTIME/./} - began) / 1000)) >$work/time
}
pids() { local one; for one in /proc/[0-9]*; do echo "${one#/proc/}"; done; }
# KiB that programs and the kernel use and nobody can take back from them: no caches.
used() {
  awk '/^(AnonPages|Shmem|SUnreclaim|KernelStack|PageTables|Percpu):/ {sum += $2} END {print sum}' /proc/meminfo
}
# What earlier servers had goes in the kernel's own time, the more so what is still cached of it.
settle() { # TOOL
  echo 3 >/proc/sys/vm/drop_caches
  listen 1
  started "$1" 1
  one_by_one "$1_stop" 1
  unlisten 1
  sleep 3
}
# Prints KiB and number of the processes that came since $1, a list, servers' own aside.
beside() {
  local pid total=0 count=0 kib
  for pid in $(pids | grep -vxFf "$1"); do
    [ "$(readlink "/proc/$pid/exe")" != "" ] || continue
    case $(cat "/proc/$pid/comm" 2>/dev/null) in init | many.sh | grep | "") continue ;; esac
    kib=$(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup" 2>/dev/null) || continue
    total=$((total + ${kib:-0})) count=$((count + 1))
  done
  printf '%s\t%s' $total $count
}
one_by_one() { local at; for at in $(seq "$2"); do "$1" "$at"; done; }
started() { one_by_one "$1_start" "$2"; [ "$1" = nspawn ] || all_ready "$2"; }
started_all() { "$1_start_all" "$2"; [ "$1" = nspawn ] || all_ready "$2"; }

measure() { # TOOL COUNT
  local start stop start_all stop_all before after rest
  [ -z "${ALONE:-}" ] || settle "$1" >&2
  listen "$2"
  pids >$work/before
  before=$(used)
  milliseconds started "$1" "$2"; start=$(cat $work/time)
  [ -z "${ALONE:-}" ] || sleep 3
  after=$(used)
  rest=$(beside $work/before)
  milliseconds one_by_one "$1_stop" "$2"; stop=$(cat $work/time)
  milliseconds started_all "$1" "$2"; start_all=$(cat $work/time)
  milliseconds "$1_stop_all" "$2"; stop_all=$(cat $work/time)
  unlisten "$2"
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$start" "$stop" "$start_all" "$stop_all" "$rest" $((after - before))
}

for count; do
  rm -f /etc/vservers/many*.conf
  for at in $(seq "$count"); do cp "$work/conf/many$at.conf" /etc/vservers; done
  # What only warms up is not told.
  for tool in vserver lxc nspawn; do
    program=$tool
    [ $tool != lxc ] || program=lxc-start
    [ $tool != nspawn ] || program=systemd-nspawn
    if [ ! -x "$(command -v $program)" ]; then printf '%s\tmissing\n' $tool; continue; fi
    [ "$count" != "$1" ] || measure $tool 1 >/dev/null
    measure $tool "$count"
  done
done
