#!/bin/bash
# Runs in the test machine: counts the operations without the kernel half, with programs that do nothing, and with it.
set -eu
mkdir -p /run/bench /vservers/bench
cp /src/build/bench/count /src/build/bench/floor.bpf.o /run/bench
count() { echo "== $1"; shift; "$@" /run/bench/count 10.0.0.1 /vservers/bench; }

count detached env
count floor bun /src/bench/hooks/floor.ts /run/bench/floor.bpf.o
vkernel load >&2
# Somebody else's context: the numbers are not those of a machine that has none.
chcontext --silent --ctx 77 --disconnect sleep infinity
count host env
count context chcontext --silent
count address chcontext --silent chbind --silent --ip 10.0.0.1
bun /src/bench/hooks/counted.ts 78
count counted-host env
count counted-context chcontext --silent --ctx 78
rm /run/vserver/bpf/active/counted_alloc /run/vserver/bpf/active/counted_free
vkernel load --strict >&2
count strict-host env
count strict-context chcontext --silent
