/* The address rule alone, for one server's control group on a kernel that has no BPF LSM (CONTEXTS=optional).
 *
 * The same hooks as in the whole kernel half, but the set of addresses comes from the control group instead of the task.
 * Not here: contexts, the loopback of a server's own, listeners and datagrams on more than the first address. */
#define OWN_CGROUP
#include "rule.h"
#include "bind.h"
#include "connect.h"
#include "shown.h"
#include "backstop.h"

char LICENSE[] SEC("license") = "GPL";
