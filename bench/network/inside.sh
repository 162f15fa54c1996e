#!/bin/bash
# inside.sh ROUNDS SECONDS BUN, as root where servers may be made and devices are nobody else's: the same nginx on the main
# server, in a server, in a server with NETNS=yes and behind veth and NAT as container tools do it, asked through the
# loopback and from a network namespace at the end of a veth pair. Each round asks all of them, another one first. All are
# in control groups, as services and containers are: what the kernel accounts there costs all alike.
# Prints ROUND PATH MODE CONTESTANT REQUESTS/S MEDIAN 99TH, separated by tabs, the last two with their units.
set -eu
rounds=$1 seconds=$2 bun=$3
here=$(dirname "$(readlink -f "$0")")
root=${VSERVER_ROOT:-/vservers} work=$(mktemp -d)
last=$(($(nproc) - 1))
pids=()
cleanup() {
  kill "${pids[@]}" 2>/dev/null || true
  for name in bench-net bench-netns; do vserver --silent $name stop >/dev/null 2>&1 || true; done
  for name in client container; do ip netns del bench-$name 2>/dev/null || true; done
  ip link del bench0 2>/dev/null || true
  ip link del bench1 2>/dev/null || true
  nft delete table ip bench 2>/dev/null || true
  wait
  rmdir /sys/fs/cgroup/bench-{main,empty,container} 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# ---- devices: bench0 carries the addresses, bench1 leads to the client, bench2 to the container

ip link set lo up
ip link add bench0 type bridge
ip address add 10.9.0.1/24 dev bench0
ip link set bench0 up
# A bridge that nothing is plugged into sends nothing; the servers' addresses are local in any case.
wire() { # DEVICE NAMESPACE OUTER INNER
  ip netns add "$2"
  ip link add "$1" type veth peer name eth0 netns "$2"
  ip address add "$3/24" dev "$1"
  ip link set "$1" up
  ip -n "$2" address add "$4/24" dev eth0
  ip -n "$2" link set lo up
  ip -n "$2" link set eth0 up
  ip -n "$2" route add default via "$3"
}
wire bench1 bench-client 10.9.1.1 10.9.1.2

# As podman and docker do it: a bridge, a pair for the container, its port redirected, its own connections masqueraded.
ip netns add bench-container
ip link add bench2 type bridge
ip address add 10.9.2.1/24 dev bench2
ip link set bench2 up
ip link add bench3 type veth peer name eth0 netns bench-container
ip link set bench3 master bench2 up
ip -n bench-container address add 10.9.2.2/24 dev eth0
ip -n bench-container link set lo up
ip -n bench-container link set eth0 up
ip -n bench-container route add default via 10.9.2.1
echo 1 >/proc/sys/net/ipv4/ip_forward
nft -f - <<.
table ip bench {
  chain pre { type nat hook prerouting priority dstnat; ip daddr 10.9.0.1 tcp dport 8080 dnat to 10.9.2.2:80; }
  chain out { type nat hook output priority -100; ip daddr 10.9.0.1 tcp dport 8080 dnat to 10.9.2.2:80; }
  chain post { type nat hook postrouting priority srcnat; ip saddr 10.9.2.0/24 ip daddr != 10.9.2.0/24 masquerade; }
}
.

# ---- the same nginx for all: one process, a short answer from memory

configuration() { # LISTEN
  local text
  text=$(printf 'x%.0s' {1..600})
  cat <<.
daemon off; master_process off; pid /tmp/bench-nginx-$1.pid; error_log stderr crit;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000;
  server { listen $1; location / { return 200 "$text"; } } }
.
}
serve() { # CONFIGURATION COMMAND...
  local configuration=$1
  shift
  "$@" taskset -c "$last" nginx -e stderr -c "$configuration" </dev/null &
  pids+=($!)
}
grouped() { # GROUP COMMAND...
  local group=/sys/fs/cgroup/bench-$1
  shift
  mkdir -p "$group"
  echo $BASHPID >"$group/cgroup.procs"
  exec "$@"
}
configuration 10.9.0.1:80 >"$work/main.conf"
configuration 10.9.0.1:81 >"$work/empty.conf"
configuration 80 >"$work/any.conf"
serve "$work/main.conf" grouped main
serve "$work/empty.conf" grouped empty
until [ -d /sys/fs/cgroup/bench-empty ]; do sleep 0.1; done
"$bun" "$here/empty.ts" "$here/../../build/bench/packets.bpf.o" /sys/fs/cgroup/bench-empty >"$work/attached" &
pids+=($!)
until [ -s "$work/attached" ]; do kill -0 $! && sleep 0.1; done
serve "$work/any.conf" grouped container ip netns exec bench-container

mkdir -p /etc/vservers
server() { # NAME LINE...
  local tree=$root/$1 name=$1
  mkdir -p "$tree"/{usr,sbin,proc,sys,dev,etc,run,tmp,root,var/lib/nginx}
  for path in bin lib lib64; do [ -e "$tree/$path" ] || ln -s usr/$path "$tree/$path"; done
  cp /etc/passwd /etc/group "$tree/etc"
  # Process 1 only waits until it is asked to end, by itself as init 0.
  cat >"$tree/sbin/init" <<'.'
#!/bin/sh
if [ $$ != 1 ]; then (while sleep 0.05; do kill -TERM 1; done) & exit 0; fi
trap "exit 0" TERM
while :; do sleep 100000 & wait $!; done
.
  chmod 755 "$tree/sbin/init"
  cp "$work/any.conf" "$tree/root/nginx.conf"
  shift
  printf '%s\n' 'S_FLAGS="lock fakeinit"' "$@" >"/etc/vservers/$name.conf"
  echo "/usr /usr none bind,ro" >"/etc/vservers/$name.fstab"
  vserver --silent "$name" start
  serve /root/nginx.conf vexec "$name"
}
server bench-net 'IPROOT="bench0:10.9.0.2/24"'
server bench-netns 'IPROOT="bench0:10.9.0.3/24"' NETNS=yes

# ---- the race

names=("main server" "main server, empty backstop" "virtual server" "virtual server, NETNS=yes" "veth and NAT")
addresses=(10.9.0.1:80 10.9.0.1:81 10.9.0.2:80 10.9.0.3:80 10.9.0.1:8080)
through() { # PATH COMMAND...
  local from=()
  [ "$1" = loopback ] || from=(ip netns exec bench-client)
  shift
  "${from[@]}" "$@"
}
for path in loopback veth; do
  for address in "${addresses[@]}"; do
    for _ in {1..100}; do
      ! through $path bash -c "exec 3<>/dev/tcp/${address/:/\/}" 2>/dev/null || continue 2
      sleep 0.3
    done
    echo "nobody answers at $address by $path" >&2
    exit 1
  done
done

measure() { # ROUND PATH MODE WHICH
  local header=()
  [ "$3" = kept ] || header=(-H "Connection: close")
  # Connections of the one before end, and whatever else runs here has its turn.
  sleep 0.7
  through "$2" taskset -c 0 wrk -t1 -c16 "-d${seconds}s" --latency "${header[@]}" "http://${addresses[$4]}/" >"$work/said"
  awk -v OFS='\t' -v round="$1" -v path="$2" -v mode="$3" -v name="${names[$4]}" '
    $1 == "50%" { median = $2 } $1 == "99%" { most = $2 } $1 == "Requests/sec:" { rate = $2 }
    /Non-2xx/ { rate = 0 }
    END { print round, path, mode, name, rate, median, most }' "$work/said"
}
# A short one that only warms up.
for ((turn = 0; turn < ${#names[@]}; turn++)); do measure 0 loopback new $turn >/dev/null; done
for ((round = 1; round <= rounds; round++)); do
  for path in loopback veth; do
    for mode in kept new; do
      for ((turn = 0; turn < ${#names[@]}; turn++)); do
        measure $round $path $mode $(((turn + round) % ${#names[@]}))
      done
    done
  done
done
