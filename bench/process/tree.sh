# shellcheck shell=bash
# To be sourced: make_tree PROGRAMS ROOT makes a small tree of programs of this machine, whose init only says in /ready that
# it runs.
install_program() { # PROGRAM ROOT
  cp -L --parents "$1" "$2"
  ldd "$1" | grep -o '/[^ ]*' | xargs -I{} cp -L --parents {} "$2"
}
make_tree() {
  local programs=$1 root=$2 program
  mkdir -p "$root"/{bin,sbin,usr/bin,proc,sys,dev,etc,run,tmp,root}
  for program in /bin/sh /bin/true /bin/kill /usr/bin/setpriv; do install_program "$program" "$root"; done
  cp "$programs/idle" "$root"/sbin/init
  printf '#!/bin/sh\nkill -TERM 1\n' >"$root"/sbin/minit-stop
  chmod 755 "$root"/sbin/minit-stop
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root"/etc/passwd
  cp /etc/ld.so.cache "$root"/etc
  echo 'root:x:0:' >"$root"/etc/group
  mkfifo "$root/ready"
}
