/* Every way to make the kernel send SIGIO or SIGURG to somebody else. Setting the owner is no contact and may succeed; what
 * counts is what is pending afterwards, so each way has a signal of its own. */
#include "attack.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const int first_signal = 40;

/* Sends over one socket so that the other one's owner hears of it. */
static int with_owner(int way, int (*set_owner)(int descriptor, const struct target *), const struct target *t)
{
	int pair[2], result;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -errno;
	fcntl(pair[0], F_SETSIG, first_signal + way);
	result = set_owner(pair[0], t);
	fcntl(pair[0], F_SETFL, O_ASYNC);
	if (result == 0 && write(pair[1], "x", 1) != 1)
		result = -errno;
	close(pair[0]);
	close(pair[1]);
	return result;
}

static int set_extended(int descriptor, int type, int number)
{
	struct f_owner_ex owner = {type, number};

	return TRY(fcntl(descriptor, F_SETOWN_EX, &owner));
}

static int set_by_ioctl(int descriptor, unsigned long command, int number)
{
	return TRY(ioctl(descriptor, command, &number));
}

#define WAY(name, way, setting)                                              \
	static int set_##name(int descriptor, const struct target *t)      \
	{                                                                  \
		return setting;                                            \
	}                                                                  \
	static int name(const struct target *t)                            \
	{                                                                  \
		return with_owner(way, set_##name, t);                     \
	}

WAY(setown, 0, TRY(fcntl(descriptor, F_SETOWN, t->pid)))
WAY(setown_group, 1, TRY(fcntl(descriptor, F_SETOWN, -t->pid)))
WAY(setown_thread, 2, set_extended(descriptor, F_OWNER_TID, t->tid))
WAY(setown_process, 3, set_extended(descriptor, F_OWNER_PID, t->pid))
WAY(setown_ex_group, 4, set_extended(descriptor, F_OWNER_PGRP, t->pid))
WAY(fiosetown, 5, set_by_ioctl(descriptor, FIOSETOWN, t->pid))
WAY(siocspgrp, 6, set_by_ioctl(descriptor, SIOCSPGRP, -t->pid))

/* A directory that is watched, a file that is leased: their events go to the owner as well. */
static int dnotify(const struct target *t)
{
	int directory = open("/tmp", O_RDONLY), file, result;
	char path[64];

	fcntl(directory, F_SETSIG, first_signal + 7);
	result = TRY(fcntl(directory, F_NOTIFY, DN_CREATE));
	if (result == 0)
		result = TRY(fcntl(directory, F_SETOWN, t->pid));
	snprintf(path, sizeof path, "/tmp/dnotify-%d", getpid());
	file = open(path, O_CREAT | O_WRONLY, 0600);
	unlink(path);
	close(file);
	close(directory);
	return result;
}

static int lease(const struct target *t)
{
	char path[64];
	int file, other, result;

	snprintf(path, sizeof path, "/tmp/lease-%d", getpid());
	file = open(path, O_CREAT | O_RDONLY, 0600);
	fcntl(file, F_SETSIG, first_signal + 8);
	result = TRY(fcntl(file, F_SETLEASE, F_RDLCK));
	if (result == 0)
		result = TRY(fcntl(file, F_SETOWN, t->pid));
	other = open(path, O_WRONLY | O_NONBLOCK);
	unlink(path);
	close(other);
	close(file);
	return result;
}

static int urgent(const struct target *t)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0), sender = socket(AF_INET, SOCK_STREAM, 0), receiver, result;

	if (bind(listener, (void *)&address, size) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (void *)&address, &size) < 0 || connect(sender, (void *)&address, size) < 0)
		return -errno;
	receiver = accept(listener, NULL, NULL);
	result = TRY(fcntl(receiver, F_SETOWN, t->pid));
	if (send(sender, "!", 1, MSG_OOB) != 1)
		result = -errno;
	/* The signal is sent when the byte arrives, which it has when the receiver can read it. */
	for (char byte; recv(receiver, &byte, 1, MSG_OOB) < 0 && errno == EAGAIN;)
		usleep(1000);
	close(listener);
	close(sender);
	close(receiver);
	return result;
}

const struct attempt sigio[] = {
	{"F_SETOWN", setown},
	{"F_SETOWN of a group", setown_group},
	{"F_SETOWN_EX of a thread", setown_thread},
	{"F_SETOWN_EX of a process", setown_process},
	{"F_SETOWN_EX of a group", setown_ex_group},
	{"FIOSETOWN", fiosetown},
	{"SIOCSPGRP of a group", siocspgrp},
	{"F_NOTIFY", dnotify},
	{"F_SETLEASE", lease},
	{"SIGURG", urgent},
	{NULL, NULL},
};
