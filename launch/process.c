/* Steps on what a process is to the kernel: namespaces, limits, signals, session. */
#define _GNU_SOURCE
#include "launch.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

CALL(unshare, unshare((int)a[0].number))

STEP(setns)
{
	int *place = slot(run, a[0].number);
	return place == NULL ? EBADF : outcome(setns(*place, (int)a[1].number));
}

CALL(set_hostname, sethostname(a[0].text, a[0].length))
CALL(set_domainname, setdomainname(a[0].text, a[0].length))

static rlim_t limit(int64_t wanted, rlim_t present)
{
	return wanted == -2 ? present : wanted == -1 ? RLIM_INFINITY : (rlim_t)wanted;
}

STEP(rlimit)
{
	struct rlimit limits;
	if (getrlimit((int)a[0].number, &limits) < 0)
		return errno;
	limits.rlim_cur = limit(a[1].number, limits.rlim_cur);
	limits.rlim_max = limit(a[2].number, limits.rlim_max);
	return outcome(setrlimit((int)a[0].number, &limits));
}

STEP(nice)
{
	errno = 0;
	int present = getpriority(PRIO_PROCESS, 0);
	return present == -1 && errno != 0 ? errno : outcome(setpriority(PRIO_PROCESS, 0, present + (int)a[0].number));
}

CALL(priority, setpriority(PRIO_PROCESS, 0, (int)a[0].number))

STEP(umask)
{
	umask((mode_t)a[0].number);
	return 0;
}

CALL(setsid, setsid())
CALL(kill, kill((pid_t)a[0].number, (int)a[1].number))

/* Who has ended before cannot send it any more; whoever would read the report has ended then, too. */
STEP(pdeathsig)
{
	struct pollfd reader = { .fd = run->plan.report };
	if (prctl(PR_SET_PDEATHSIG, (int)a[0].number, 0, 0, 0) < 0)
		return errno;
	bool gone = run->plan.report >= 0 && poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR) != 0;
	return gone && a[0].number != 0 ? ECANCELED : 0;
}

/* By the bare system calls: a libc keeps some signals to itself. */
STEP(signals)
{
	uint64_t none = 0;
	for (int number = 1; number <= 64; number++) {
		/* struct sigaction of the kernel: the handler comes first. */
		uintptr_t action[4] = { (uint64_t)a[0].number >> (number - 1) & 1 ? (uintptr_t)SIG_IGN : (uintptr_t)SIG_DFL };
		if (number != SIGKILL && number != SIGSTOP && syscall(SYS_rt_sigaction, number, action, NULL, 8) < 0)
			return errno;
	}
	return outcome(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none));
}

static int ascending(const void *one, const void *other)
{
	uint32_t left = *(const uint32_t *)one, right = *(const uint32_t *)other;
	return left < right ? -1 : left > right;
}

STEP(close_from)
{
	size_t listed = a[1].length / sizeof(uint32_t), count = listed;
	uint32_t *keep = malloc((listed + 3) * sizeof *keep);
	if (keep == NULL)
		return ENOMEM;
	memcpy(keep, a[1].text, listed * sizeof *keep);
	const int own[] = { run->plan.report, run->context, run->waiting };
	for (size_t index = 0; index < 3; index++)
		if (own[index] >= 0)
			keep[count++] = (uint32_t)own[index];
	qsort(keep, count, sizeof *keep, ascending);
	uint32_t from = (uint32_t)a[0].number;
	int number = 0;
	for (size_t index = 0; index < count && number == 0; index++) {
		if (keep[index] > from)
			number = outcome(syscall(SYS_close_range, from, keep[index] - 1, 0));
		if (keep[index] >= from)
			from = keep[index] + 1;
	}
	free(keep);
	memset(run->slots, -1, sizeof run->slots);
	return number != 0 ? number : outcome(syscall(SYS_close_range, from, ~0u, 0));
}
