/** What is asked of a server's own tools, whatever init it has: scripts that its own shell runs, words as arguments. */

/** `SERVICE ACTION…`: systemd when it is process 1, else service(8), OpenRC's, or the script itself. */
export const serviceScript = `service=$1; shift
if [ -d /run/systemd/system ]; then exec systemctl "$@" "$service"; fi
for tool in /usr/sbin/service /sbin/service; do [ -x $tool ] && exec $tool "$service" "$@"; done
[ -x /sbin/rc-service ] && exec /sbin/rc-service "$service" "$@"
for directory in /etc/init.d /etc/rc.d/init.d; do [ -x $directory/"$service" ] && exec $directory/"$service" "$@"; done
if [ -x /usr/bin/systemctl ] || [ -x /bin/systemctl ]; then
  echo "$service: its systemd is not running; start the server first" >&2; exit 1
fi
echo "$service: there is no such service" >&2; exit 5`;

/** The words: LEVELS (may be empty) SERVICE on|off. Every tool works without a running init. */
export const setServiceScript = `levels=$1 service=$2 state=$3
if [ -x /sbin/chkconfig ] || [ -x /usr/sbin/chkconfig ]; then
  exec chkconfig \${levels:+--level "$levels"} "$service" "$state"
fi
script=
for directory in /etc/init.d /etc/rc.d/init.d; do [ -e $directory/"$service" ] && script=yes; done
case $state in on) verb=enable;; off) verb=disable;; esac
unit=
for directory in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
  [ -e $directory/"$service".service ] && unit=yes
done
if [ -z "$script$unit" ]; then echo "$service: there is no such service" >&2; exit 5; fi
if [ -n "$unit" ] && command -v systemctl >/dev/null; then
  if [ -n "$levels" ]; then echo "$service: systemd has no run levels" >&2; exit 2; fi
  systemctl --no-reload "$verb" "$service" || exit
  [ -n "$script" ] && [ -x /usr/sbin/update-rc.d ] || exit 0
fi
if [ -x /usr/sbin/update-rc.d ]; then
  if [ "$state" = on ]; then update-rc.d "$service" defaults >/dev/null || exit; fi
  exec update-rc.d "$service" $verb $(printf '%s' "$levels" | sed 's/./& /g')
fi
if [ -x /sbin/rc-update ]; then
  if [ "$state" = on ]; then exec rc-update add "$service" default; fi
  exec rc-update del "$service"
fi
echo "$service: this server has none of chkconfig, update-rc.d, systemctl, rc-update" >&2; exit 69`;

/** Lists what is switched on, one service a line. */
export const listServicesScript = `
{
  for link in /etc/rc2.d/S* /etc/rc3.d/S* /etc/rc.d/rc3.d/S* /etc/runlevels/default/*; do
    [ -e "$link" ] || continue
    name=\${link##*/}; case $name in S[0-9][0-9]*) name=\${name#S??};; esac; echo "$name"
  done
  if command -v systemctl >/dev/null; then
    for link in /etc/systemd/system/*.wants/*.service; do
      [ -L "$link" ] && name=\${link##*/} && echo "\${name%.service}"
    done
  fi
} | sort -u`;
