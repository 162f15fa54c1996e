/* Gives the process a terminal of its own root's devpts; the caller's terminal never gets in, only the master gets out. */
#define _GNU_SOURCE
#include "launch.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static int send_descriptor(int socket, int descriptor)
{
	char byte = 0;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof descriptor)];
	} control;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	memset(&control, 0, sizeof control);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof descriptor);
	memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
	return outcome(sendmsg(socket, &message, MSG_NOSIGNAL));
}

/* The slave side of a master, without a path that could lead elsewhere. */
static int open_slave(int master)
{
	int unlocked = 0;
	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return -1;
	return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

STEP(pty)
{
	int socket = (int)a[0].number;
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		return errno;
	int slave = open_slave(master);
	if (slave < 0)
		return errno;
	int number = send_descriptor(socket, master);
	if (number != 0)
		return number;
	close(master);
	close(socket);
	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		return errno;
	for (int descriptor = 0; descriptor <= 2; descriptor++)
		if (dup2(slave, descriptor) < 0)
			return errno;
	return slave > 2 ? outcome(close(slave)) : 0;
}
