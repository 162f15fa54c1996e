/* What can be done with descriptors of a process that were opened where that was allowed: by itself, and passed on over a
 * Unix socket; or by this process, before the other one entered its context. */
#include "attack.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

/* PIDFD_GET_NET_NAMESPACE and PIDFD_GET_INFO of linux/pidfd.h, which is newer than these headers. */
#define PIDFD_GET_NET_NAMESPACE _IO(0xff, 4)
struct pidfd_info {
	uint64_t mask, cgroup;
	uint32_t words[12];
};
#define PIDFD_GET_INFO _IOWR(0xff, 11, struct pidfd_info)

static char page[4096] __attribute__((aligned(4096)));

static int by_signal(const struct target *t)
{
	return TRY(syscall(SYS_pidfd_send_signal, t->pidfd, SIGWINCH, NULL, 0));
}

static int by_signal_through_directory(const struct target *t)
{
	return TRY(syscall(SYS_pidfd_send_signal, t->directory, SIGWINCH, NULL, 0));
}

static int by_getfd(const struct target *t)
{
	return TRY(syscall(SYS_pidfd_getfd, t->pidfd, 0, 0));
}

static int by_madvise(const struct target *t)
{
	struct iovec all = {page, sizeof page};

	return TRY(syscall(SYS_process_madvise, t->pidfd, &all, 1, MADV_COLD, 0));
}

static int by_setns(const struct target *t)
{
	return TRY(syscall(SYS_setns, t->pidfd, 0x04000000));
}

static int by_namespace(const struct target *t)
{
	return TRY(ioctl(t->pidfd, PIDFD_GET_NET_NAMESPACE, 0));
}

static int by_info(const struct target *t)
{
	struct pidfd_info info = {.mask = 1};

	return TRY(ioctl(t->pidfd, PIDFD_GET_INFO, &info));
}

static int by_wait(const struct target *t)
{
	siginfo_t info;

	return TRY(syscall(SYS_waitid, P_PIDFD, t->pidfd, &info, WEXITED | WNOHANG, NULL));
}

static int by_fstat(const struct target *t)
{
	struct stat status;

	return TRY(fstat(t->directory, &status));
}

static int open_in(const struct target *t, const char *name, int flags)
{
	int descriptor = openat(t->directory, name, flags);

	if (descriptor < 0)
		return -errno;
	close(descriptor);
	return 0;
}

static int by_openat(const struct target *t)
{
	return open_in(t, "status", O_RDONLY);
}

static int by_openat_of_mem(const struct target *t)
{
	return open_in(t, "mem", O_RDWR);
}

static int by_openat_of_itself(const struct target *t)
{
	return open_in(t, ".", O_RDONLY | O_DIRECTORY);
}

static int by_readlinkat(const struct target *t)
{
	char text[64];

	return TRY(readlinkat(t->directory, "exe", text, sizeof text));
}

const struct attempt passed[] = {
	{"pidfd_send_signal", by_signal},
	{"pidfd_send_signal through a directory of /proc", by_signal_through_directory},
	{"pidfd_getfd", by_getfd},
	{"process_madvise", by_madvise},
	{"setns", by_setns},
	{"ioctl for a namespace", by_namespace},
	{"ioctl for everything", by_info},
	{"waitid", by_wait},
	{"fstat of the directory", by_fstat},
	{"openat", by_openat},
	{"openat of mem", by_openat_of_mem},
	{"openat of the directory", by_openat_of_itself},
	{"readlinkat", by_readlinkat},
	{NULL, NULL},
};

static struct sockaddr_un named(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	return address;
}

/* A message with room for two descriptors. */
struct parcel {
	char byte, room[CMSG_SPACE(2 * sizeof(int))];
	struct iovec vector;
	struct msghdr header;
};

static struct msghdr *empty(struct parcel *parcel)
{
	memset(parcel, 0, sizeof *parcel);
	parcel->vector = (struct iovec){&parcel->byte, 1};
	parcel->header = (struct msghdr){.msg_iov = &parcel->vector,
					 .msg_iovlen = 1,
					 .msg_control = parcel->room,
					 .msg_controllen = sizeof parcel->room};
	return &parcel->header;
}

int pass_own_descriptors(const char *path)
{
	struct sockaddr_un address = named(path);
	struct parcel parcel;
	struct msghdr *message = empty(&parcel);
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	int descriptors[] = {(int)syscall(SYS_pidfd_open, getpid(), 0), open("/proc/self/", O_RDONLY | O_DIRECTORY)};
	int out = socket(AF_UNIX, SOCK_STREAM, 0);

	*control = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof descriptors)};
	memcpy(CMSG_DATA(control), descriptors, sizeof descriptors);
	if (connect(out, (void *)&address, sizeof address) < 0 || sendmsg(out, message, 0) < 0)
		return -errno;
	close(out);
	return 0;
}

int receive_descriptors(struct target *t, const char *path)
{
	struct sockaddr_un address = named(path);
	struct parcel parcel;
	struct msghdr *message = empty(&parcel);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), in, descriptors[2];

	if (bind(listener, (void *)&address, sizeof address) < 0 || listen(listener, 1) < 0)
		return -errno;
	in = accept(listener, NULL, NULL);
	if (recvmsg(in, message, 0) < 0 || CMSG_FIRSTHDR(message) == NULL)
		return -EBADMSG;
	memcpy(descriptors, CMSG_DATA(CMSG_FIRSTHDR(message)), sizeof descriptors);
	t->pidfd = descriptors[0];
	t->directory = descriptors[1];
	return 0;
}

/* Opens what there is to open, then waits until the process is somewhere else. */
int hold_descriptors(struct target *t, const char *fifo)
{
	char path[64];
	int orders = open(fifo, O_RDWR);

	snprintf(path, sizeof path, "/proc/%d", t->pid);
	t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	t->directory = open(path, O_RDONLY | O_DIRECTORY);
	if (t->pidfd < 0 || t->directory < 0 || write(orders, "enter\n", 6) != 6)
		return -errno;
	for (int tries = 0; tries < 10000; tries++) {
		struct stat status;

		if (stat(path, &status) < 0)
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}
