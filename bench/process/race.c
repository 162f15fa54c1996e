/*
 * race ROUNDS FIFO < CONTEST: runs contestants in turn, in another order each round, and prints what each run took.
 *
 * A line of CONTEST is one contestant, its fields separated by tabs: NAME, KIND, WORDS of a command, and for a start a
 * field that is empty and WORDS of the command that ends it (none: what it has started is ended with SIGTERM).
 *   run    from here until the command has ended with 0
 *   start  until the command has ended and what it started has written to FIFO
 *   stay   until what it started has written to FIFO; the command stays
 * A line of output is NAME, nanoseconds, KiB of the largest process, processes that stay beside the started one. Who
 * fails in the first round, which only warms up, is out: NAME, `failed`, the last line of its standard error.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONTESTANTS = 16, WORDS = 96, PATIENCE_SECONDS = 60 };

struct contestant {
	char *name;
	enum { RUN, START, STAY } kind;
	char *words[WORDS];
	char **stop;
	bool out;
};

static int fifo = -1, complaints, nowhere;
static volatile sig_atomic_t running;

static uint64_t now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void end_it(int number)
{
	(void)number;
	kill(running, SIGKILL);
}

/* By vfork: the peak memory of the command begins with that of whoever starts it. */
static pid_t begin(char **words)
{
	pid_t child = vfork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		dup2(nowhere, STDIN_FILENO);
		dup2(nowhere, STDOUT_FILENO);
		dup2(complaints, STDERR_FILENO);
		execvp(*words, words);
		_exit(127);
	}
	running = child;
	return child;
}

static bool finish(pid_t child, struct rusage *usage)
{
	int status;
	alarm(PATIENCE_SECONDS);
	while (wait4(child, &status, 0, usage) < 0)
		if (errno != EINTR)
			err(1, "wait");
	alarm(0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool told(void)
{
	char byte;
	struct pollfd one = { .fd = fifo, .events = POLLIN };
	return poll(&one, 1, PATIENCE_SECONDS * 1000) == 1 && read(fifo, &byte, 1) == 1;
}

/* Their numbers; of a process in a context of its own, none: it has shown itself in its parent's list. */
static void children_of(pid_t parent, char *text, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = descriptor < 0 ? 0 : read(descriptor, text, size - 1);
	text[length > 0 ? length : 0] = '\0';
	close(descriptor);
}

/* Every process below this one: orphans come here, for it is their subreaper. */
static unsigned descendants(pid_t parent)
{
	char text[4096];
	unsigned count = 0;
	children_of(parent, text, sizeof text);
	for (char *at = text, *end; (parent = (pid_t)strtol(at, &end, 10)) > 0 && end > at; at = end)
		count += 1 + descendants(parent);
	return count;
}

/* The last in the line of first children: of a command that stays, the program it was to start. */
static pid_t innermost(pid_t of)
{
	char text[4096];
	for (pid_t child = of; child > 0; child = (pid_t)strtol(text, NULL, 10)) {
		of = child;
		children_of(of, text, sizeof text);
	}
	return of;
}

/* Until nothing that was started is left. */
static bool all_gone(void)
{
	uint64_t end = now() + PATIENCE_SECONDS * 1000000000ull;
	for (;;) {
		pid_t ended = waitpid(-1, NULL, WNOHANG);
		if (ended < 0)
			return errno == ECHILD;
		if (ended == 0) {
			if (now() > end)
				return false;
			usleep(1000);
		}
	}
}

static void last_complaint(char *into, size_t size)
{
	char text[4096] = "";
	off_t length = lseek(complaints, 0, SEEK_CUR), from = length > (off_t)sizeof text - 1 ? length - (off_t)sizeof text + 1 : 0;
	ssize_t got = pread(complaints, text, sizeof text - 1, from);
	while (got > 0 && (text[got - 1] == '\n' || text[got - 1] == '\r'))
		text[--got] = '\0';
	char *line = strrchr(text, '\n');
	snprintf(into, size, "%s", line != NULL ? line + 1 : text);
}

static bool race(struct contestant *one, bool print)
{
	struct rusage usage, ignored;
	char drained;
	while (fifo >= 0 && read(fifo, &drained, 1) == 1)
		;
	uint64_t begun = now();
	pid_t child = begin(one->words);
	bool good = one->kind == STAY || finish(child, &usage);
	if (good && one->kind != RUN)
		good = told();
	uint64_t took = now() - begun;
	unsigned staying = one->kind == RUN ? 0 : descendants(getpid());
	if (one->kind != RUN && *one->stop != NULL) {
		bool ended = finish(begin(one->stop), &ignored);
		good = good && ended;
	}
	if (one->kind == STAY) {
		kill(innermost(child), SIGTERM);
		finish(child, &usage);
	}
	if (!all_gone())
		errx(1, "%s: what it started does not end", one->name);
	if (good && print)
		printf("%s\t%llu\t%ld\t%u\n", one->name, (unsigned long long)took, usage.ru_maxrss,
		       staying > 0 ? staying - 1 : 0);
	return good;
}

static void read_contestant(struct contestant *one, char *line)
{
	char *kind, **word = one->words;
	line[strcspn(line, "\n")] = '\0';
	one->name = strsep(&line, "\t");
	kind = strsep(&line, "\t");
	one->kind = kind == NULL || strcmp(kind, "run") == 0 ? RUN : strcmp(kind, "start") == 0 ? START : STAY;
	while (line != NULL && word < one->words + WORDS - 2) {
		*word = strsep(&line, "\t");
		if (**word == '\0' && one->stop == NULL) {
			*word = NULL;
			one->stop = word + 1;
		}
		word++;
	}
	if (one->stop == NULL)
		one->stop = word;
	if (*one->words == NULL)
		errx(2, "%s: no command", one->name);
}

static void shuffle(size_t *order, size_t count)
{
	for (size_t left = count; left > 1; left--) {
		size_t chosen = (size_t)rand() % left, kept = order[chosen];
		order[chosen] = order[left - 1];
		order[left - 1] = kept;
	}
}

int main(int argc, char **argv)
{
	static struct contestant contestants[CONTESTANTS];
	size_t order[CONTESTANTS];
	size_t count = 0, size = 0;
	char *line = NULL;
	int rounds = argc == 3 ? atoi(argv[1]) : 0;
	if (rounds < 1)
		errx(2, "usage: race ROUNDS FIFO < CONTEST");
	for (; count < CONTESTANTS && getline(&line, &size, stdin) > 0; line = NULL, size = 0) {
		read_contestant(&contestants[count], line);
		order[count] = count;
		count++;
	}
	if (*argv[2] != '\0' && (fifo = open(argv[2], O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
		err(1, "%s", argv[2]);
	complaints = memfd_create("complaints", MFD_CLOEXEC);
	nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (complaints < 0 || nowhere < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		err(1, "prepare");
	signal(SIGALRM, end_it);
	for (int round = -1; round < rounds; round++) {
		shuffle(order, count);
		for (size_t at = 0; at < count; at++) {
			struct contestant *one = &contestants[order[at]];
			char why[512];
			if (one->out || race(one, round >= 0))
				continue;
			last_complaint(why, sizeof why);
			if (round >= 0)
				errx(1, "%s: %s", one->name, why);
			printf("%s\tfailed\t%s\n", one->name, why);
			one->out = true;
		}
	}
	return 0;
}
