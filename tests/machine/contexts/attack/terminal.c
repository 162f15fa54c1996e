/* A terminal that a session in this context leads, and a process that tries to steer it: of the same context, or (with
 * `foreign`) of another one. */
#include "attack.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static int master, hangups[2];

static void note_hangup(int signal)
{
	(void)signal;
	if (write(hangups[1], "h", 1) != 1)
		_exit(1);
}

static int by_ioctl(unsigned long command, long argument)
{
	return TRY(ioctl(0, command, argument));
}

static int by_typing(void)
{
	return TRY(ioctl(0, TIOCSTI, "x"));
}

static int by_typing32(void)
{
	char *low = low_memory();

	*low = 'x';
	return (int)call32(54, 0, TIOCSTI, (long)low, 0, 0);
}

static int by_signal_through_master(void)
{
	return TRY(ioctl(master, TIOCSIG, SIGINT));
}

/* From a session of its own: taking the terminal away. */
static int by_taking(void)
{
	int result = 0, child = fork();

	if (child == 0) {
		setsid();
		_exit(-by_ioctl(TIOCSCTTY, 1));
	}
	waitpid(child, &result, 0);
	return -WEXITSTATUS(result);
}

static int by_vhangup(void)
{
	return TRY(syscall(SYS_vhangup));
}

static int by_hangup_ioctl(void)
{
	return by_ioctl(TIOCVHANGUP, 0);
}

static const struct {
	const char *name;
	int (*make)(void);
} ways[] = {
	{"TIOCSTI", by_typing},
	{"32-bit TIOCSTI", by_typing32},
	{"TIOCSIG through the master", by_signal_through_master},
	{"TIOCSCTTY", by_taking},
	{"vhangup", by_vhangup},
	{"TIOCVHANGUP", by_hangup_ioctl},
};

/* Leads a session on the terminal, lets a child try one way, and tells its result and whether a hangup came. */
static void lead(const char *slave, size_t way, int foreign, int out)
{
	int answer[2] = {0, 0}, child, status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	close(0);
	if (open(slave, O_RDWR) != 0 || pipe(hangups) < 0)
		_exit(1);
	fcntl(hangups[0], F_SETFL, O_NONBLOCK);
	signal(SIGHUP, note_hangup);
	signal(SIGINT, SIG_IGN);
	child = fork();
	if (child == 0) {
		signal(SIGHUP, SIG_IGN);
		if (foreign && enter_new_context() < 0)
			_exit(255);
		_exit(-ways[way].make());
	}
	waitpid(child, &status, 0);
	answer[0] = WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
	answer[1] = read(hangups[0], &(char){0}, 1) == 1;
	_exit(write(out, answer, sizeof answer) != sizeof answer);
}

int terminal(int foreign)
{
	for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
		int answer[2] = {-EPIPE, 0}, ends[2];

		master = posix_openpt(O_RDWR | O_NOCTTY);
		if (grantpt(master) < 0 || unlockpt(master) < 0 || pipe(ends) < 0)
			return 1;
		if (fork() == 0)
			lead(ptsname(master), way, foreign, ends[1]);
		close(ends[1]);
		if (read(ends[0], answer, sizeof answer) != sizeof answer)
			answer[0] = -EPIPE;
		wait(NULL);
		report(ways[way].name, answer[0]);
		if (answer[1])
			printf("%s: EHANGUP\n", ways[way].name);
		close(master);
		close(ends[0]);
	}
	return 0;
}
