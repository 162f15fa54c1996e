/* Every call that finds out which group and session another process is in, and what it may do. */
#include "attack.h"
#include <linux/capability.h>

static int by_getpgid(const struct target *t)
{
	return TRY(getpgid(t->pid));
}

static int by_getpgid_of_thread(const struct target *t)
{
	return TRY(getpgid(t->tid));
}

static int by_getsid(const struct target *t)
{
	return TRY(getsid(t->pid));
}

static int by_getpgid32(const struct target *t)
{
	long result = call32(132, t->pid, 0, 0, 0, 0);

	return result < 0 ? (int)result : 0;
}

static int by_getsid32(const struct target *t)
{
	long result = call32(147, t->tid, 0, 0, 0, 0);

	return result < 0 ? (int)result : 0;
}

static int capabilities_of(int pid)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = pid};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	return TRY(syscall(SYS_capget, &header, sets));
}

static int by_capget(const struct target *t)
{
	return capabilities_of(t->pid);
}

static int by_capget_of_thread(const struct target *t)
{
	return capabilities_of(t->tid);
}

static int by_capget32(const struct target *t)
{
	struct __user_cap_header_struct *header = low_memory();

	header->version = _LINUX_CAPABILITY_VERSION_3;
	header->pid = t->pid;
	return (int)call32(184, (long)header, (long)(header + 1), 0, 0, 0);
}

const struct attempt identity[] = {
	{"getpgid", by_getpgid}, {"getpgid of a thread", by_getpgid_of_thread}, {"getsid", by_getsid},
	{"capget", by_capget}, {"capget of a thread", by_capget_of_thread},
	{"32-bit getpgid", by_getpgid32}, {"32-bit getsid of a thread", by_getsid32}, {"32-bit capget", by_capget32},
	{NULL, NULL},
};
