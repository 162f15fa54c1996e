/* Every call that reads or sets how another process is scheduled and what it may use. */
#include "attack.h"
#include <sched.h>
#include <sys/resource.h>

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_WHO_PGRP 2
/* Class best effort, level 6: neither the default nor what a nice level makes of it. */
#define IOPRIO ((2 << 13) | 6)

static int by_prlimit(const struct target *t)
{
	struct rlimit limit;

	return TRY(prlimit(t->pid, RLIMIT_CORE, NULL, &limit));
}

static int by_prlimit_of_thread(const struct target *t)
{
	struct rlimit limit;

	return TRY(prlimit(t->tid, RLIMIT_CORE, NULL, &limit));
}

static int by_setting_prlimit(const struct target *t)
{
	struct rlimit limit = {0, 0};

	return TRY(prlimit(t->pid, RLIMIT_CORE, &limit, NULL));
}

static int by_prlimit32(const struct target *t)
{
	return (int)call32(340, t->pid, RLIMIT_CORE, 0, (long)low_memory(), 0);
}

static int by_setting_prlimit32(const struct target *t)
{
	return (int)call32(340, t->pid, RLIMIT_CORE, (long)low_memory(), 0, 0);
}

static int by_setpriority(const struct target *t)
{
	return TRY(setpriority(PRIO_PROCESS, t->pid, 7));
}

static int by_setpriority_of_thread(const struct target *t)
{
	return TRY(setpriority(PRIO_PROCESS, t->tid, 7));
}

static int by_setpriority_of_group(const struct target *t)
{
	return TRY(setpriority(PRIO_PGRP, t->pid, 8));
}

static int by_setpriority32(const struct target *t)
{
	return (int)call32(97, PRIO_PROCESS, t->pid, 9, 0, 0);
}

static int by_getscheduler(const struct target *t)
{
	return TRY(sched_getscheduler(t->pid));
}

static int by_getparam(const struct target *t)
{
	struct sched_param parameters;

	return TRY(sched_getparam(t->tid, &parameters));
}

static int by_getattr(const struct target *t)
{
	char attributes[64];

	return TRY(syscall(SYS_sched_getattr, t->pid, attributes, sizeof attributes, 0));
}

static int by_interval(const struct target *t)
{
	struct timespec interval;

	return TRY(sched_rr_get_interval(t->pid, &interval));
}

static int by_getaffinity(const struct target *t)
{
	cpu_set_t set;

	return TRY(sched_getaffinity(t->pid, sizeof set, &set));
}

static int by_getaffinity32(const struct target *t)
{
	long result = call32(242, t->pid, 128, (long)low_memory(), 0, 0);

	return result < 0 ? (int)result : 0;
}

static int by_setscheduler(const struct target *t)
{
	struct sched_param parameters = {0};

	return TRY(sched_setscheduler(t->pid, SCHED_BATCH, &parameters));
}

static int by_setparam(const struct target *t)
{
	struct sched_param parameters = {0};

	return TRY(sched_setparam(t->pid, &parameters));
}

static int by_setattr(const struct target *t)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attributes = {.size = 48, .policy = SCHED_IDLE};

	return TRY(syscall(SYS_sched_setattr, t->tid, &attributes, 0));
}

static int by_setaffinity(const struct target *t)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return TRY(sched_setaffinity(t->pid, sizeof set, &set));
}

static int by_setaffinity32(const struct target *t)
{
	uint32_t *set = low_memory();

	set[0] = 1;
	return (int)call32(241, t->pid, 4, (long)set, 0, 0);
}

static int by_ioprio_get(const struct target *t)
{
	return TRY(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, t->pid));
}

static int by_ioprio_get_of_group(const struct target *t)
{
	return TRY(syscall(SYS_ioprio_get, IOPRIO_WHO_PGRP, t->pid));
}

static int by_ioprio_set(const struct target *t)
{
	return TRY(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, t->pid, IOPRIO));
}

static int by_ioprio_set_of_group(const struct target *t)
{
	return TRY(syscall(SYS_ioprio_set, IOPRIO_WHO_PGRP, t->pid, IOPRIO));
}

static int by_ioprio_set32(const struct target *t)
{
	return (int)call32(289, IOPRIO_WHO_PROCESS, t->tid, IOPRIO, 0, 0);
}

const struct attempt limits[] = {
	{"prlimit reading", by_prlimit},
	{"prlimit reading of a thread", by_prlimit_of_thread},
	{"32-bit prlimit reading", by_prlimit32},
	{"sched_getscheduler", by_getscheduler},
	{"sched_getparam of a thread", by_getparam},
	{"sched_getattr", by_getattr},
	{"sched_rr_get_interval", by_interval},
	{"sched_getaffinity", by_getaffinity},
	{"32-bit sched_getaffinity", by_getaffinity32},
	{"ioprio_get", by_ioprio_get},
	{"ioprio_get of a group", by_ioprio_get_of_group},
	{"set prlimit", by_setting_prlimit},
	{"32-bit set prlimit", by_setting_prlimit32},
	{"set setpriority", by_setpriority},
	{"set setpriority of a thread", by_setpriority_of_thread},
	{"set setpriority of a group", by_setpriority_of_group},
	{"32-bit set setpriority", by_setpriority32},
	{"set sched_setscheduler", by_setscheduler},
	{"set sched_setparam", by_setparam},
	{"set sched_setattr of a thread", by_setattr},
	{"set sched_setaffinity", by_setaffinity},
	{"32-bit set sched_setaffinity", by_setaffinity32},
	{"set ioprio_set", by_ioprio_set},
	{"set ioprio_set of a group", by_ioprio_set_of_group},
	{"32-bit set ioprio_set of a thread", by_ioprio_set32},
	{NULL, NULL},
};
