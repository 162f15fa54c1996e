#!/bin/bash
# The same machine, when the power has come back: the servers start with it, and stop with it.
echo "== early"
systemctl is-system-running --wait
echo "== booted"
systemctl is-active vkernel vservers rebootmgr vserver-limits.timer
vservers status
echo "== order"
sed -n 's/^post-start //p' /var/log/hooks | tail -n 10
echo "== again"
vservers start | grep -c 'was running'
for name in s{0..9}; do vserver "$name" status >/dev/null || echo "$name does not run"; done
echo "== limits"
# Whenever systemd starts something it looks at which controllers it needs itself.
systemctl daemon-reload
systemctl start vserver-limits
for name in s0 s9 s5; do
  echo "$name: $(cat "/sys/fs/cgroup/vserver-$name/"{memory.max,pids.max,cpu.weight}) $(vlimit "$name" | awk '/^FILES/ {print $3}')" | xargs
done
echo "== off"
systemctl poweroff --no-block --no-wall 2>/dev/null
