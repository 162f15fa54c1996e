/* What a process may do to its relatives when one of them has entered a context: each scene forks its own actors. */
#include "abi.h"
#include "attack.h"
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Runs `act` in a child and returns what it returned: 0 or a negative errno. */
static int in_child(int (*act)(void))
{
	int pipe_ends[2], result = -EPIPE, child;

	if (pipe(pipe_ends) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		result = act();
		_exit(write(pipe_ends[1], &result, sizeof result) != sizeof result);
	}
	close(pipe_ends[1]);
	if (read(pipe_ends[0], &result, sizeof result) != sizeof result)
		result = -EPIPE;
	close(pipe_ends[0]);
	waitpid(child, NULL, 0);
	return result;
}

/* A child that sleeps, after `prepare` when there is one; the caller kills it by ending. */
static int sleeper(int (*prepare)(void))
{
	int ready[2], result = 0, child;

	if (pipe(ready) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (prepare != NULL)
			result = prepare();
		if (write(ready[1], &result, sizeof result) != sizeof result)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ready[0], &result, sizeof result) != sizeof result)
		result = -1;
	close(ready[0]);
	close(ready[1]);
	return result < 0 ? result : child;
}

static void *wait_for_ever(void *unused)
{
	pause();
	return unused;
}

static int enter_with_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_ever, NULL);
	return enter_new_context();
}

static int enter_with_poller(void)
{
	struct io_uring_params parameters = {.flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 1000};

	if (syscall(SYS_io_uring_setup, 4, &parameters) < 0)
		return -errno;
	return enter_new_context();
}

static int enter_traced(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		return -errno;
	return enter_new_context();
}

static int enter_tracing(void)
{
	int child = sleeper(NULL);

	if (ptrace(PTRACE_SEIZE, child, NULL, NULL) < 0)
		return -errno;
	return enter_new_context();
}

static int traced_by_parent_outside(void)
{
	int result = enter_new_context();

	return result < 0 ? result : TRY(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int move_child_in_context(void)
{
	int child = sleeper(enter_new_context);

	return child < 0 ? -EPIPE : TRY(setpgid(child, child));
}

static int move_own_child(void)
{
	int child = sleeper(NULL);

	return child < 0 ? -EPIPE : TRY(setpgid(child, child));
}

static int own_session_keyring(void)
{
	return TRY(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL));
}

static int give_keyring(void)
{
	int result = own_session_keyring();

	return result < 0 ? result : TRY(syscall(SYS_keyctl, KEYCTL_SESSION_TO_PARENT));
}

static int give_keyring_from_context(void)
{
	int result = enter_new_context();

	return result < 0 ? result : give_keyring();
}

static int give_keyring32_from_context(void)
{
	int result = enter_new_context();

	if (result == 0)
		result = own_session_keyring();
	return result < 0 ? result : (int)call32(288, KEYCTL_SESSION_TO_PARENT, 0, 0, 0, 0);
}

/* The death signal a child asked for still comes when it has entered a context: it is its own wish. */
static int death_signal(void)
{
	int ends[2], number;
	char path[64];

	if (pipe(ends) < 0)
		return -errno;
	if (fork() == 0) {
		number = sleeper(enter_new_context);
		_exit(write(ends[1], &number, sizeof number) != sizeof number);
	}
	if (read(ends[0], &number, sizeof number) != sizeof number || number <= 0)
		return -EPIPE;
	snprintf(path, sizeof path, "/proc/%d", number);
	wait(NULL);
	/* It is not ours to see, but a number that is free is free for everybody. */
	for (int tries = 0; tries < 1000 && access(path, F_OK) == 0; tries++)
		usleep(10000);
	return access(path, F_OK) == 0 ? -EEXIST : 0;
}

static int block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	return TRY(sigprocmask(SIG_BLOCK, &all, NULL));
}

static int own_ioprio(void)
{
	return (int)syscall(SYS_ioprio_get, 1, 0);
}

/* Whether the caller still has the priorities it had, and no signal waits for it. */
static int untouched(int nice, int ioprio)
{
	sigset_t waiting;

	sigpending(&waiting);
	if (sigismember(&waiting, SIGWINCH) || sigismember(&waiting, SIGURG))
		return -EINTR;
	if (getpriority(PRIO_PROCESS, 0) != nice)
		return -EBUSY;
	return own_ioprio() == ioprio ? 0 : -EIO;
}

/* What a member of the caller's own group notices of calls that name the group, the user, or everybody. */
static int at_large(int (*prepare)(void))
{
	int line[2], status = 0, child, nice = getpriority(PRIO_PROCESS, 0), ioprio = own_ioprio();
	char byte = 0;

	block_all();
	setpgid(0, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, line) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		if (prepare != NULL && prepare() < 0)
			_exit(EPIPE);
		if (write(line[1], &byte, 1) != 1 || read(line[1], &byte, 1) != 1)
			_exit(EPIPE);
		_exit(-untouched(nice, ioprio));
	}
	close(line[1]);
	if (read(line[0], &byte, 1) != 1)
		return -EPIPE;
	kill(0, SIGWINCH);
	kill(-getpgrp(), SIGWINCH);
	kill(-1, SIGURG);
	call32(37, -1, SIGURG, 0, 0, 0);
	setpriority(PRIO_PGRP, 0, nice + 1);
	setpriority(PRIO_USER, getuid(), nice + 2);
	syscall(SYS_ioprio_set, 2, getpgrp(), 2 << 13 | 6);
	syscall(SYS_ioprio_set, 3, getuid(), 2 << 13 | 6);
	if (write(line[0], &byte, 1) != 1)
		return -EPIPE;
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

static int calls_at_large(void)
{
	return at_large(NULL);
}

static int calls_at_large_around_context(void)
{
	return at_large(enter_new_context);
}

static int (*const acts[])(void) = {
	enter_with_thread, enter_with_poller, enter_traced, enter_tracing, traced_by_parent_outside,
	move_child_in_context, move_own_child, give_keyring, give_keyring_from_context, give_keyring32_from_context,
	death_signal, calls_at_large_around_context, calls_at_large,
};
static const char *const titles[] = {
	"enter with a second thread", "enter with a polling thread", "enter while traced", "enter while tracing",
	"be traced by a parent outside", "move a child in a context", "move a child", "give a keyring to the parent",
	"give a keyring to a parent outside", "32-bit give a keyring to a parent outside", "die with a parent outside",
	"be spared in a context by calls on a group or user", "be spared by calls on a group or user",
};

int scenes(void)
{
	for (size_t at = 0; at < sizeof acts / sizeof *acts; at++)
		report(titles[at], in_child(acts[at]));
	return 0;
}
