#!/bin/bash
# Where systemd is process 1: the units of the tools, and ten servers that are starting when the power goes.
# Every start and stop notes whether the kernel half was there for it; one server can be made to start for ever.
mkdir -p /etc/vservers /etc/vservices
printf 'PARALLEL=4\n' >/etc/vservers.conf
cat >/tmp/hook <<'.'
#!/bin/sh
[ "$1" != pre-start ] || [ "$2" != s2 ] || [ ! -e /etc/hang ] || { echo hangs >/tmp/hangs; sleep 1000; }
echo "$1 $2 $(test -e /run/vserver/bpf/active/call && echo guarded)" >>/var/log/hooks
.
cat >/tmp/rc <<'.'
#!/bin/sh
echo "rc $1" >>/var/log/rc
case $1 in
[2345]) sleep 100000 & echo $! >/run/sleeper.pid ;;
*) sleep 1; kill "$(cat /run/sleeper.pid)" ;;
esac
.
chmod 755 /tmp/hook /tmp/rc
for name in s{0..9}; do
  tree=/vservers/$name
  mkdir -p "$tree"/{bin,sbin,etc/init.d,var/log,root,tmp,run}
  cp /usr/bin/busybox "$tree/bin"
  for applet in sh cat echo sleep kill; do ln -s busybox "$tree/bin/$applet"; done
  cp /tmp/rc "$tree/etc/init.d/rc"
  echo root:x:0:0:root:/root:/bin/sh >"$tree/etc/passwd"
  cp /tmp/hook "/etc/vservers/$name.sh"
  printf 'IPROOT=0.0.0.0\n' >"/etc/vservers/$name.conf"
done
printf 'ONBOOT=yes\nPRIORITY=5\nMEMORY=64M\nNPROC=50\nCPU_WEIGHT=42\nFILES=300\n' >>/etc/vservers/s0.conf
printf 'ONBOOT=yes\nPRIORITY=200\n' >>/etc/vservers/s9.conf
running() { vservers status | sed -n 's/.* Server \(.*\) is running/\1/p' | xargs; }
# WORDS... of systemctl, the exit status and what it says, then the servers that run.
ask() {
  local words status
  words=$(systemctl "$@" 2>&1)
  status=$?
  echo "$*: $status $words | $(running)" | xargs
}
until_there() { for _ in {1..300}; do ! eval "$1" || return 0; sleep 0.2; done; }
systemctl is-system-running --wait >/dev/null

echo "== verify"
cd /usr/lib/systemd/system || exit
systemd-analyze verify vkernel.service vservers.service vserver@s0.service v@nginx.service rebootmgr.service \
  vserver-limits.service vserver-limits.timer 2>&1
echo "$?"

echo "== enable"
systemctl enable vkernel vservers rebootmgr vserver-limits.timer 2>/dev/null
echo "$?"
for unit in /etc/systemd/system/*.wants/{v,rebootmgr}*; do echo "${unit##*/}"; done

echo "== all"
ask start vservers
ask is-active vkernel vservers
vlimit --save s9 --nproc 33 --cpu-weight 55 --files 200
vserver --silent s9 stop
ask reload vservers
ask restart vservers
systemctl show -P Conflicts -P Before run-vserver.mount run-vserver-bpf.mount run-vserver-s0-mnt.mount | grep -c umount.target
ask stop vservers
ask is-active vservers

echo "== broken off"
touch /etc/hang
vserver s2 config set ONBOOT=yes
systemctl start --no-block vservers
until_there 'test -e /tmp/hangs'
running
ask stop vservers
ask is-active vservers
rm /etc/hang
ls /run/vserver

echo "== one"
ask start vserver@s1
ask is-active vserver@s1
vserver --silent s1 stop
ask reload vserver@s1
ask restart vserver@s1
ask stop vserver@s1
ask is-active vserver@s1

echo "== service"
printf 'IP=10.0.0.1\n' >/etc/vservices/nginx.conf
listening() { echo "$1: $? $(ss -Htln4 sport = :80 | awk '{print $4}')" | xargs; }
systemctl start nginx
listening before
for verb in start reload restart; do systemctl "$verb" v@nginx; listening "$verb"; done
systemctl is-active v@nginx nginx
systemctl stop v@nginx
listening stop
systemctl is-active v@nginx

echo "== others"
systemctl start rebootmgr vserver-limits.timer
systemctl kill --signal KILL rebootmgr
until_there 'systemctl is-active --quiet rebootmgr'
systemctl start vserver-limits
systemctl is-active rebootmgr vserver-limits.timer vserver-limits
systemctl show -P Result vserver-limits

echo "== examples"
rm /run/systemd/system/ssh.service
systemctl daemon-reload
systemctl start ssh
systemctl enable --now vservers 2>/dev/null
echo "$? $(running)"
systemctl enable --now vservers rebootmgr 2>/dev/null
echo "$?"
systemctl disable --now ssh && systemctl enable --now v@ssh
echo "$? $(ss -Htln4 sport = :22 | awk '{print $4}')"
systemctl stop vservers

echo "== power"
for name in s{1..8}; do echo ONBOOT=yes >>"/etc/vservers/$name.conf"; done
: >/var/log/hooks
sync
systemctl start --no-block vservers
until_there 'grep post-start /var/log/hooks | tail -n +3 | grep -q .'
echo "the power goes"
sleep 1000
