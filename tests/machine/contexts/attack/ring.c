/* The same by io_uring: in the call itself, in a worker thread, and in a thread that polls for requests. */
#include "attack.h"
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/stat.h>
#include <sys/mman.h>

struct ring {
	int descriptor;
	struct io_uring_params parameters;
	char *queue;
	struct io_uring_sqe *entries;
};

static int set_up(struct ring *ring, unsigned int flags)
{
	const int both = PROT_READ | PROT_WRITE;

	memset(ring, 0, sizeof *ring);
	ring->parameters.flags = flags;
	ring->parameters.sq_thread_idle = 100;
	ring->descriptor = (int)syscall(SYS_io_uring_setup, 4, &ring->parameters);
	if (ring->descriptor < 0)
		return -errno;
	ring->queue = mmap(NULL, 65536, both, MAP_SHARED, ring->descriptor, IORING_OFF_SQ_RING);
	ring->entries = mmap(NULL, 4096, both, MAP_SHARED, ring->descriptor, IORING_OFF_SQES);
	return 0;
}

/* Makes the one request of a fresh ring and returns its result. */
static int perform(struct ring *ring, const struct io_uring_sqe *request)
{
	const struct io_sqring_offsets *in = &ring->parameters.sq_off;
	const struct io_cqring_offsets *out = &ring->parameters.cq_off;
	unsigned int how = IORING_ENTER_GETEVENTS;
	struct io_uring_cqe *done = (void *)(ring->queue + out->cqes);

	if (ring->parameters.flags & IORING_SETUP_SQPOLL)
		how |= IORING_ENTER_SQ_WAKEUP;
	ring->entries[0] = *request;
	((unsigned int *)(ring->queue + in->array))[0] = 0;
	__atomic_store_n((unsigned int *)(ring->queue + in->tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->descriptor, 1, 1, how, NULL, 0) < 0)
		return -errno;
	return done->res;
}

int ring_request(const struct io_uring_sqe *one, unsigned int flags)
{
	struct ring ring;
	int result = set_up(&ring, flags);

	if (result == 0)
		result = perform(&ring, one);
	close(ring.descriptor);
	return result;
}

int ring_open(const char *path, int flags, unsigned int setup, unsigned char how)
{
	struct io_uring_sqe one = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .flags = how, .open_flags = flags};
	int result;

	one.addr = (uintptr_t)path;
	result = ring_request(&one, setup);
	return result < 0 ? result : close(result);
}

static const char *status_of(const struct target *t)
{
	static char path[64];

	snprintf(path, sizeof path, "%s/%d/status", t->proc, t->pid);
	return path;
}

static int open_by(const struct target *t, unsigned int setup, unsigned char how)
{
	return ring_open(status_of(t), O_RDONLY, setup, how);
}

static int stat_by(const struct target *t, unsigned int setup, unsigned char how)
{
	static struct statx status;
	struct io_uring_sqe one = {.opcode = IORING_OP_STATX, .fd = AT_FDCWD, .flags = how};

	one.addr = (uintptr_t)status_of(t);
	one.len = STATX_BASIC_STATS;
	one.off = (uintptr_t)&status;
	return ring_request(&one, setup);
}

static int open_in_call(const struct target *t)
{
	return open_by(t, 0, 0);
}

static int open_in_worker(const struct target *t)
{
	return open_by(t, 0, IOSQE_ASYNC);
}

static int open_in_poller(const struct target *t)
{
	return open_by(t, IORING_SETUP_SQPOLL, 0);
}

static int stat_in_call(const struct target *t)
{
	return stat_by(t, 0, 0);
}

static int stat_in_worker(const struct target *t)
{
	return stat_by(t, 0, IOSQE_ASYNC);
}

static int stat_in_poller(const struct target *t)
{
	return stat_by(t, IORING_SETUP_SQPOLL, 0);
}

const struct attempt ring[] = {
	{"openat", open_in_call},
	{"openat in a worker", open_in_worker},
	{"openat in a poller", open_in_poller},
	{"statx", stat_in_call},
	{"statx in a worker", stat_in_worker},
	{"statx in a poller", stat_in_poller},
	{NULL, NULL},
};
