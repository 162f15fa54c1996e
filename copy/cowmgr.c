/* cowmgr: gives a server that writes to a unified file a file of its own under that name, before the write is made.
 *
 * One process for all servers, which ends when the last one with the flag is stopped (SIGHUP has it look). Each request is a
 * child's work, and a server has one request at a time: however long one takes, no other server waits. */
#define _GNU_SOURCE
#include "cowmgr.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

static int usage(FILE *out, int status)
{
	fputs("usage: cowmgr [--background]\nCopies unified files for virtual servers with the flag cow that write to them.\n", out);
	return status;
}

static int fail(const char *what, const char *way_out)
{
	fprintf(stderr, "cowmgr: cannot %s: %s; %s\n", what, strerror(errno), way_out);
	return 255;
}

/* Quotas and the reserve of a file system are for whoever has this capability not there. */
static bool drop_resource(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];
	if (syscall(SYS_capget, &head, sets) < 0)
		return false;
	sets[0].effective &= ~(1u << CAP_SYS_RESOURCE);
	sets[0].permitted &= ~(1u << CAP_SYS_RESOURCE);
	sets[0].inheritable = sets[1].inheritable = 0;
	return syscall(SYS_capset, &head, sets) == 0;
}

/* What the caller gets: nothing when its name leads to another file by now, or will in a moment. */
static int fulfil(const struct vs_copy *request)
{
	struct place place;
	int error = find_place(request, &place);
	if (error != 0)
		return error;
	int copy = duplicate(&place, request->user);
	error = copy < 0 ? errno : swap(request, &place, copy);
	return error == EAGAIN ? 0 : error;
}

/* In a child, so that no server waits for another one's file; if none can be made, the caller may not write. */
static void begin(uint32_t xid, uint64_t id)
{
	static struct vs_copy request;
	if (!read_request(xid, &request) || request.state != VS_COPY_ASKED || (id != 0 && request.id != id))
		return;
	pid_t parent = getpid(), child = fork();
	if (child < 0)
		end_request(xid, request.id, EPERM);
	if (child != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		end_request(xid, request.id, fulfil(&request));
	_exit(0);
}

/* What was asked while nobody was there, and what is left of a request at which cowmgr was killed. */
static void catch_up(void)
{
	static struct vs_copy request;
	for (uint32_t xid = 0; next_server(&xid);) {
		if (!read_request(xid, &request))
			continue;
		clean_beside((const char *)request.root);
		begin(xid, 0);
	}
}

static int wait_for_signals(void)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void loop(int ring, int signals)
{
	struct pollfd ready[] = { { .fd = ring, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
	struct signalfd_siginfo info;
	for (;;) {
		uint32_t xid;
		uint64_t id;
		while (next_request(&xid, &id))
			begin(xid, id);
		poll(ready, 2, -1);
		while (read(signals, &info, sizeof info) == sizeof info)
			if (info.ssi_signo == SIGHUP ? !stay_copier() : info.ssi_signo != SIGCHLD)
				return;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* Goes on in a child; the parent ends when that serves, or has said why it cannot. Returns where to tell the parent. */
static int go_to_background(void)
{
	int ready[2];
	char byte;
	syscall(SYS_close_range, 3, ~0u, 0);
	if (pipe2(ready, O_CLOEXEC) < 0)
		_exit(fail("make a pipe", "see ulimit -n"));
	pid_t child = fork();
	if (child < 0)
		_exit(fail("make a process", "see ulimit -u"));
	if (child != 0) {
		close(ready[1]);
		_exit(read(ready[0], &byte, 1) == 1 ? 0 : 255);
	}
	setsid();
	return ready[1];
}

/* Nothing of whoever started us is kept. */
static bool tell_ready(int ready)
{
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int standard = 0; standard < 3; standard++)
		dup2(nowhere, standard);
	bool told = write(ready, "", 1) == 1;
	close(ready);
	return told;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("cowmgr (vserver) " VS_VERSION) < 0;
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--background") != 0))
		return usage(stderr, 255);
	bool background = argc == 2;
	int ready = background ? go_to_background() : -1;
	umask(077);
	if (chdir("/") < 0 || !drop_resource())
		return fail("drop a capability", "run it as root");
	int signals = wait_for_signals(), ring = become_copier();
	if (ring < 0 && errno == EBUSY)
		return background && tell_ready(ready) ? 0 : fail("serve", "another cowmgr does");
	if (ring < 0 || signals < 0)
		return fail("serve", "run vkernel load first, as root");
	openlog("cowmgr", LOG_PID, LOG_DAEMON);
	catch_up();
	if (background && !tell_ready(ready))
		return 255;
	loop(ring, signals);
	return 0;
}
