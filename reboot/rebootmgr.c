/* rebootmgr: restarts or stops a virtual server when its own root asks for it, that server and no other. */
#define _GNU_SOURCE
#include "abi.h"
#include "rebootmgr.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

static int poll_descriptor;

void watch(int descriptor)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = descriptor };
	if (epoll_ctl(poll_descriptor, EPOLL_CTL_ADD, descriptor, &event) < 0)
		syslog(LOG_ERR, "cannot watch a descriptor: %s", strerror(errno));
}

static int fail(const char *what)
{
	fprintf(stderr, "rebootmgr: cannot %s: %s\n", what, strerror(errno));
	return 255;
}

static int usage(FILE *out, int status)
{
	fputs("usage: rebootmgr [--pidfile FILE]\nRestarts or stops virtual servers that ask for it; stays in the foreground.\n",
	      out);
	return status;
}

/* The directory is on the file system that vserver and vkernel mount: made earlier, it would be hidden by that. */
static bool serve_directory(void)
{
	struct stat run, own;
	if (stat("/run", &run) < 0 || stat(RUN_DIRECTORY, &own) < 0 || run.st_dev == own.st_dev) {
		errno = ENOENT;
		return false;
	}
	return mkdir(SERVED_DIRECTORY, 0711) == 0 || errno == EEXIST;
}

/* Two would take each other's sockets and halve the kernel's requests. The descriptor of a lock, which commands do not
 * inherit; -1 without it. */
static int serve_alone(void)
{
	int directory = open(SERVED_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory >= 0 && flock(directory, LOCK_EX | LOCK_NB) == 0 ? directory : -1;
}

static int wait_for_signals(void)
{
	sigset_t signals;
	sigemptyset(&signals);
	for (int number = 0; number < 3; number++)
		sigaddset(&signals, ((int[]){ SIGCHLD, SIGTERM, SIGINT })[number]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* False when we are asked to end. Commands at work go on without us. */
static bool read_signals(int descriptor)
{
	struct signalfd_siginfo info;
	bool go_on = true;
	while (read(descriptor, &info, sizeof info) == sizeof info)
		go_on = go_on && info.ssi_signo == SIGCHLD;
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		command_ended(pid, status);
	return go_on;
}

static void drain(int descriptor)
{
	char events[4096];
	while (read(descriptor, events, sizeof events) > 0)
		;
}

static void loop(int signals, int changes, int kernel)
{
	for (;;) {
		struct epoll_event events[16];
		int ready = epoll_wait(poll_descriptor, events, 16, begin_commands());
		for (int at = 0; at < ready; at++) {
			int descriptor = events[at].data.fd;
			if (descriptor == signals) {
				if (!read_signals(signals))
					return;
			} else if (descriptor == changes) {
				drain(changes);
				find_servers();
			} else if (descriptor == kernel)
				read_kernel_requests();
			else
				read_ready(descriptor);
		}
	}
}

int main(int argc, char **argv)
{
	const char *pid_file = NULL;
	for (int at = 1; at < argc; at++) {
		if (strcmp(argv[at], "--help") == 0)
			return usage(stdout, 0);
		if (strcmp(argv[at], "--version") == 0)
			return puts("rebootmgr (vserver) " VS_VERSION) < 0;
		if (strcmp(argv[at], "--pidfile") != 0 || at + 1 == argc)
			return usage(stderr, 255);
		pid_file = argv[++at];
	}
	setenv("PATH", "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	unsetenv("BUN_OPTIONS");
	unsetenv("BUN_BE_BUN");
	if (!serve_directory())
		return fail("serve in " RUN_DIRECTORY " (vkernel load mounts it)");
	int lock = serve_alone();
	if (lock < 0) {
		if (errno != EWOULDBLOCK)
			return fail("serve in " SERVED_DIRECTORY);
		fputs("rebootmgr: another one serves already\n", stderr);
		return 255;
	}
	umask(022);
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);

	openlog("rebootmgr", LOG_PID | (isatty(2) ? LOG_PERROR : 0), LOG_DAEMON);
	poll_descriptor = epoll_create1(EPOLL_CLOEXEC);
	int signals = wait_for_signals(), changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	unsigned events = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
	if (poll_descriptor < 0 || signals < 0 || changes < 0 || inotify_add_watch(changes, SERVED_DIRECTORY, events) < 0)
		return fail("watch " SERVED_DIRECTORY);
	watch(signals);
	watch(changes);
	int kernel = open_kernel_requests();
	if (kernel >= 0)
		watch(kernel);
	else
		syslog(LOG_WARNING, "the kernel half is not loaded: only vreboot, vhalt and System V's shutdown are heard");
	find_servers();
	if (pid_file != NULL) {
		FILE *file = fopen(pid_file, "we");
		if (file == NULL || fprintf(file, "%d\n", getpid()) < 0 || fclose(file) != 0)
			return fail(pid_file);
	}
	loop(signals, changes, kernel);
	/* Whoever finds the file gone can begin. */
	close(lock);
	if (pid_file != NULL)
		unlink(pid_file);
	return 0;
}
