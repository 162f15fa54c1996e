/* Every call that finds out which group and session another process is in. */
#include "attack.h"

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

const struct attempt identity[] = {
	{"getpgid", by_getpgid}, {"getpgid of a thread", by_getpgid_of_thread}, {"getsid", by_getsid},
	{"32-bit getpgid", by_getpgid32}, {"32-bit getsid of a thread", by_getsid32}, {NULL, NULL},
};
