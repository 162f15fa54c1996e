/* The kernel half: security contexts, addresses and capability ceilings as BPF LSM and cgroup programs.
 *
 * One object, one program per hook (each further program on a hook would pay the trampoline again), one file per area:
 *   record, task   what a context and a task are; inheritance at fork
 *   call           the new system calls
 *   request, enter, inspect   what they ask for; into another context; what is told of one
 *   reserve        the main server's part of pools of the machine
 *   limit, project   priorities, open files and disk quota of a whole context
 *   process, bynumber, sigio, procfs, events, terminal   visibility and interaction between contexts
 *   owner, ipc, keyring, unix   System V IPC, queues, keys, abstract sockets
 *   registers      which system call it is
 *   names, iunlink, copy   unified files: many links, and nobody inside changes what they lead to; or is given a copy first
 *   capability     the ceiling
 *   addresses, rule, sockets   what a task is tied to, and its sockets with it (ipv4root)
 *   bind, connect, shown   what binds, speaks, and is told about addresses
 *   listener, stands, steer, taken   wildcard listeners and datagram sockets on several addresses
 *   backstop   packets that none of these should have let through
 *   guard          protection of this object itself
 *   files          the hooks on files that several of these share
 *   list           what the tools read
 *   ownproc        what a server reads about itself
 * Oldest kernel: 6.12, with `bpf` among the active LSMs. LSM programs return 0 to fall through to the kernel's own
 * answer; they never read the trailing `ret`, because hooks gain arguments and an earlier refusal ends the chain. */
#include "common.h"
#include "record.h"
#include "task.h"
#include "call.h"
#include "limit.h"
#include "process.h"
#include "bynumber.h"
#include "sigio.h"
#include "procfs.h"
#include "events.h"
#include "keyring.h"
#include "files.h"
#include "capability.h"
#include "project.h"
#include "sockets.h"
#include "steer.h"
#include "taken.h"
#include "bind.h"
#include "connect.h"
#include "shown.h"
#include "lookup.h"
#include "backstop.h"
#include "boot.h"
#include "list.h"
#include "ownload.h"
#include "ownmemory.h"
#include "owntime.h"

char LICENSE[] SEC("license") = "GPL";
