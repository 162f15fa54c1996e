/* ring VERB ADDRESS PORT [polled|worker]: bind, connect or send by io_uring alone; prints the own address or the error's
 * name. polled: a thread of the kernel's takes it from the ring; worker: another one performs it.
 * The ring's memory is mapped by hand: no library is needed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OP_BIND = 56 };

static int perform(struct io_uring_sqe wanted, const char *way)
{
	struct io_uring_params params = { .flags = strcmp(way, "polled") ? 0 : IORING_SETUP_SQPOLL };

	if (!strcmp(way, "worker"))
		wanted.flags |= IOSQE_ASYNC;
	int ring = (int)syscall(SYS_io_uring_setup, 2, &params);

	if (ring < 0)
		return -errno;
	size_t size = params.sq_off.array + params.sq_entries * sizeof(unsigned) + 4096;
	char *submit = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	char *complete = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
			      PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	struct io_uring_sqe *entries = mmap(NULL, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE, MAP_SHARED,
					    ring, IORING_OFF_SQES);
	if (submit == MAP_FAILED || complete == MAP_FAILED || entries == MAP_FAILED)
		return -ENOMEM;
	entries[0] = wanted;
	((unsigned *)(submit + params.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(submit + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	unsigned how = IORING_ENTER_GETEVENTS | (params.flags & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, how, NULL, 0) < 0)
		return -errno;
	return ((struct io_uring_cqe *)(complete + params.cq_off.cqes))->res;
}

int main(int argc, char **argv)
{
	struct sockaddr_in there = { .sin_family = AF_INET }, own;
	socklen_t length = sizeof own;
	if (argc < 4 || inet_pton(AF_INET, argv[2], &there.sin_addr) != 1)
		return 2;
	there.sin_port = htons((unsigned short)atoi(argv[3]));
	int sending = strcmp(argv[1], "send") == 0, binding = strcmp(argv[1], "bind") == 0;
	int made = socket(AF_INET, sending ? SOCK_DGRAM : SOCK_STREAM, 0);
	struct io_uring_sqe wanted = { .fd = made, .addr = (unsigned long)&there };
	struct iovec data = { "x", 1 };
	struct msghdr message = { .msg_name = &there, .msg_namelen = sizeof there, .msg_iov = &data, .msg_iovlen = 1 };

	if (sending) {
		wanted.opcode = IORING_OP_SENDMSG;
		wanted.addr = (unsigned long)&message;
		wanted.len = 1;
	} else {
		wanted.opcode = binding ? OP_BIND : IORING_OP_CONNECT;
		/* The length of the address stands where the offset does. */
		wanted.off = sizeof there;
	}
	int result = perform(wanted, argc > 4 ? argv[4] : "");
	if (result < 0) {
		puts(strerrorname_np(-result));
		return 1;
	}
	if (sending) {
		char answer[200] = "";
		ssize_t got = recv(made, answer, sizeof answer - 1, 0);
		puts(got > 0 ? answer : "nothing");
		return 0;
	}
	getsockname(made, (struct sockaddr *)&own, &length);
	puts(inet_ntoa(own.sin_addr));
	return 0;
}
