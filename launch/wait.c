/* The two steps after which a child goes on with the plan while this process waits for it. */
#define _GNU_SOURCE
#include "launch.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void forget(struct run *run)
{
	for (int number = 0; number < SLOTS; number++)
		if (run->slots[number] >= 0)
			close(run->slots[number]);
	if (run->context >= 0)
		close(run->context);
	if (run->waiting >= 0)
		close(run->waiting);
	if (run->plan.report >= 0)
		close(run->plan.report);
}

STEP(fork_into)
{
	int *place = slot(run, a[0].number);
	if (place == NULL || *place < 0)
		return EBADF;
	run->group = *place;
	return 0;
}

/* fork(2); the child is born in the group of fork_into, if there was one. */
static pid_t fork_child(struct run *run)
{
	/* struct clone_args of linux/sched.h, which cannot be included beside the C library's. */
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
	} arguments = { .flags = 0x200000000ull /* CLONE_INTO_CGROUP */, .exit_signal = SIGCHLD };
	if (run->group < 0)
		return fork();
	arguments.cgroup = (uint64_t)run->group;
	run->group = -1;
	return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

STEP(detach)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	pid_t child = fork_child(run);
	if (child < 0)
		return errno;
	if (child == 0) {
		close(ends[0]);
		run->waiting = ends[1];
		return 0;
	}
	unsigned char status = 0;
	close(ends[1]);
	ssize_t got;
	while ((got = read(ends[0], &status, 1)) < 0 && errno == EINTR)
		;
	_exit(got > 0 ? status : 0);
}

static int status_of(pid_t child)
{
	int status;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 255;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Passes on what other processes send; what the kernel sends (a terminal's ^C), the child gets by itself. */
static _Noreturn void wait_for(pid_t child, const sigset_t *watched)
{
	siginfo_t about;
	prctl(PR_SET_NAME, "launch");
	for (;;) {
		int number = sigwaitinfo(watched, &about);
		if (number == SIGCHLD) {
			siginfo_t ended = { 0 };
			if (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT) < 0 || ended.si_pid == child)
				_exit(status_of(child));
		} else if (number > 0 && about.si_code <= 0)
			kill(child, number);
	}
}

STEP(fork_wait)
{
	static const int passed[] = { SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH };
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	struct sigaction before;
	sigset_t watched, mask;
	sigemptyset(&watched);
	for (size_t index = 0; index < sizeof passed / sizeof *passed; index++)
		sigaddset(&watched, passed[index]);
	sigprocmask(SIG_BLOCK, &watched, &mask);
	/* Ignored, it would leave no status to wait for. */
	sigaction(SIGCHLD, &standard, &before);
	pid_t child = fork_child(run);
	if (child < 0)
		return errno;
	if (child > 0) {
		forget(run);
		wait_for(child, &watched);
	}
	sigaction(SIGCHLD, &before, NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return 0;
}
