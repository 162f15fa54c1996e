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
echo "== off"
systemctl poweroff --no-block --no-wall 2>/dev/null
