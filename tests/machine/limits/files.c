/* Opens files in every way there is, for the test of the limit FILES. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int listener = -1;

/* Makes one or two files; the first descriptor, or -1. */
static int make(const char *kind)
{
	int pair[2];
	if (strcmp(kind, "open") == 0)
		return open("/", O_RDONLY);
	if (strcmp(kind, "pipe") == 0)
		return pipe(pair) < 0 ? -1 : pair[1];
	if (strcmp(kind, "socket") == 0)
		return socket(AF_INET, SOCK_DGRAM, 0);
	if (strcmp(kind, "socketpair") == 0)
		return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ? -1 : pair[1];
	if (strcmp(kind, "eventfd") == 0)
		return eventfd(0, 0);
	if (strcmp(kind, "epoll") == 0)
		return epoll_create1(0);
	if (strcmp(kind, "memfd") == 0)
		return memfd_create("x", 0);
	if (strcmp(kind, "accept") == 0) {
		struct sockaddr_un name = { .sun_family = AF_UNIX };
		if (listener < 0) {
			listener = socket(AF_UNIX, SOCK_STREAM, 0);
			if (bind(listener, (struct sockaddr *)&name, sizeof(sa_family_t)) < 0 || listen(listener, 5) < 0)
				return -1;
		}
		socklen_t length = sizeof name;
		getsockname(listener, (struct sockaddr *)&name, &length);
		int client = socket(AF_UNIX, SOCK_STREAM, 0);
		if (client < 0 || connect(client, (struct sockaddr *)&name, length) < 0)
			return -1;
		return accept(listener, NULL, NULL);
	}
	exit(99);
}

static int count_descriptors(void)
{
	int count = 0;
	for (int descriptor = 3; descriptor < 4096; descriptor++)
		count += fcntl(descriptor, F_GETFD) >= 0;
	return count;
}

static int fill(const char *kind)
{
	int last = -1, made;
	while ((made = make(kind)) >= 0)
		last = made;
	int error = errno;
	printf("full at %d: %s\n", count_descriptors(), strerrorname_np(error));
	close(last);
	if (open("/", O_RDONLY) >= 0)
		puts("again after one was closed");
	return 0;
}

static int many(int number)
{
	for (int count = 0; count < number; count++) {
		if (open("/", O_RDONLY) < 0) {
			printf("refused after %d: %s\n", count, strerrorname_np(errno));
			return 0;
		}
	}
	printf("opened %d\n", number);
	return 0;
}

static void send_descriptor(int through, int descriptor)
{
	char space[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
	if (sendmsg(through, &message, 0) < 0)
		exit(98);
}

/* More copies than files are allowed: none of them is a file. */
static int copies(void)
{
	int descriptor = open("/", O_RDONLY), pair[2];
	for (int count = 0; count < 500; count++)
		if (dup(descriptor) < 0)
			return 97;
	for (int child = 0; child < 5; child++)
		if (fork() == 0) {
			usleep(200000);
			_exit(0);
		}
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
		return 96;
	for (int count = 0; count < 8; count++)
		send_descriptor(pair[0], descriptor);
	while (wait(NULL) > 0)
		;
	puts("copied");
	return 0;
}

static int die(void)
{
	for (int child = 0; child < 4; child++)
		if (fork() == 0) {
			int pair[2];
			for (int count = 0; count < 30; count++)
				if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0)
					send_descriptor(pair[0], pair[1]);
			mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, open("/tmp/files", O_RDONLY), 0);
			kill(getpid(), SIGKILL);
		}
	while (wait(NULL) > 0)
		;
	return 0;
}

static int keep(void)
{
	int descriptor = open("/tmp/files", O_RDONLY);
	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, descriptor, 0);
	close(descriptor);
	sleep(6);
	return 0;
}

static int million(void)
{
	for (int child = 0; child < 4; child++)
		if (fork() == 0) {
			for (int count = 0; count < 250000; count++) {
				int descriptor = open("/", O_RDONLY);
				if (descriptor < 0)
					_exit(1);
				close(descriptor);
			}
			_exit(0);
		}
	int status, failed = 0;
	while (wait(&status) > 0)
		failed |= status;
	puts(failed ? "refused" : "done");
	return 0;
}

int main(int count, char **words)
{
	struct rlimit most = { 4096, 4096 };
	setrlimit(RLIMIT_NOFILE, &most);
	const char *what = count > 1 ? words[1] : "";
	if (strcmp(what, "fill") == 0)
		return fill(words[2]);
	if (strcmp(what, "many") == 0)
		return many(atoi(words[2]));
	if (strcmp(what, "copies") == 0)
		return copies();
	if (strcmp(what, "die") == 0)
		return die();
	if (strcmp(what, "keep") == 0)
		return keep();
	return strcmp(what, "million") == 0 ? million() : 2;
}
