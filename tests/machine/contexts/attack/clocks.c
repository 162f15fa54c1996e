/* What has no LSM hook: the nice level and the processor time of another process. */
#include "attack.h"
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

/* CPUCLOCK_SCHED of a whole process and of a thread, as in the kernel's posix-timers.h. */
#define CLOCK_OF(number) ((clockid_t)(~(number) << 3 | 2))

static int by_getpriority(const struct target *t)
{
	errno = 0;
	getpriority(PRIO_PROCESS, t->pid);
	return -errno;
}

static int by_getpriority_of_thread(const struct target *t)
{
	errno = 0;
	getpriority(PRIO_PROCESS, t->tid);
	return -errno;
}

static int by_getpriority_of_group(const struct target *t)
{
	errno = 0;
	getpriority(PRIO_PGRP, t->pid);
	return -errno;
}

static int by_getpriority32(const struct target *t)
{
	long result = call32(96, PRIO_PROCESS, t->pid, 0, 0, 0);

	return result < 0 ? (int)result : 0;
}

static int by_clock_gettime(const struct target *t)
{
	struct timespec now;

	return TRY(syscall(SYS_clock_gettime, CLOCK_OF(t->pid), &now));
}

static int by_clock_gettime32(const struct target *t)
{
	return (int)call32(265, CLOCK_OF(t->pid), (long)low_memory(), 0, 0, 0);
}

static int by_clock_gettime64_32(const struct target *t)
{
	return (int)call32(403, CLOCK_OF(t->pid), (long)low_memory(), 0, 0, 0);
}

static int by_clock_nanosleep(const struct target *t)
{
	struct timespec past = {0, 1};

	/* An absolute time the process has long used up: it returns at once. */
	return -(int)syscall(SYS_clock_nanosleep, CLOCK_OF(t->pid), TIMER_ABSTIME, &past, NULL) == 0
		       ? 0
		       : -errno;
}

static int by_timer(const struct target *t)
{
	struct sigevent nothing = {.sigev_notify = SIGEV_NONE};
	int timer, result = TRY(syscall(SYS_timer_create, CLOCK_OF(t->pid), &nothing, &timer));

	if (result == 0)
		syscall(SYS_timer_delete, timer);
	return result;
}

const struct attempt clocks[] = {
	{"getpriority", by_getpriority},
	{"getpriority of a thread", by_getpriority_of_thread},
	{"getpriority of a group", by_getpriority_of_group},
	{"32-bit getpriority", by_getpriority32},
	{"clock_gettime", by_clock_gettime},
	{"32-bit clock_gettime", by_clock_gettime32},
	{"32-bit clock_gettime64", by_clock_gettime64_32},
	{"clock_nanosleep", by_clock_nanosleep},
	{"timer_create", by_timer},
	{NULL, NULL},
};
