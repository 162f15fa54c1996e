/* What the kernel half asks for (kernel/copy.h): a ring that tells which server waits, a table that tells for what. */
#define _GNU_SOURCE
#include "cowmgr.h"
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Head of a record in the ring (linux/bpf.h): two bits, then the length. */
#define BUSY (1u << 31)
#define DISCARDED (1u << 30)
enum { HEAD = 8 };

struct event {
	uint32_t xid, unused;
	uint64_t id;
};

static int call = -1, slots = -1;
static unsigned long *consumer;
static const unsigned long *producer;
static const unsigned char *data;

static long bpf(int command, union bpf_attr *attributes)
{
	return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int open_pin(const char *path)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.pathname = (uint64_t)(uintptr_t)path;
	return (int)bpf(BPF_OBJ_GET, &attributes);
}

static int ask(struct vs_call *request)
{
	union bpf_attr attributes;
	request->version = VS_ABI_VERSION;
	memset(&attributes, 0, sizeof attributes);
	attributes.test.prog_fd = (uint32_t)call;
	attributes.test.ctx_in = (uint64_t)(uintptr_t)request;
	attributes.test.ctx_size_in = sizeof *request;
	if (bpf(BPF_PROG_TEST_RUN, &attributes) < 0)
		return errno;
	return -request->result;
}

static bool map_ring(int ring)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
	const unsigned char *rest = mmap(NULL, page + 2 * VS_COPY_RING, PROT_READ, MAP_SHARED, ring, (off_t)page);
	if (consumer == MAP_FAILED || rest == MAP_FAILED)
		return false;
	producer = (const unsigned long *)rest;
	data = rest + page;
	return true;
}

int become_copier(void)
{
	struct vs_call request = { .operation = VS_OP_COPIER };
	int ring = open_pin(VS_PIN_DIRECTORY "/copy_ring");
	slots = open_pin(VS_PIN_DIRECTORY "/copies");
	call = open_pin(VS_PIN_DIRECTORY "/call");
	if (ring < 0 || slots < 0 || call < 0 || !map_ring(ring))
		return -1;
	errno = ask(&request);
	return errno == 0 ? ring : -1;
}

/* A server that starts makes its slot first and looks for a copier then: one of the two sees the other. */
bool stay_copier(void)
{
	struct vs_call resign = { .operation = VS_OP_COPIER, .flags = 1 }, again = { .operation = VS_OP_COPIER };
	uint32_t xid = 0;
	ask(&resign);
	return next_server(&xid) && ask(&again) == 0;
}

bool next_request(uint32_t *xid, uint64_t *id)
{
	unsigned long at = __atomic_load_n(consumer, __ATOMIC_ACQUIRE);
	while (at < __atomic_load_n(producer, __ATOMIC_ACQUIRE)) {
		const unsigned char *record = data + (at & (VS_COPY_RING - 1));
		uint32_t head = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		struct event event;
		if (head & BUSY)
			return false;
		memcpy(&event, record + HEAD, sizeof event);
		at += ((head & ~(BUSY | DISCARDED)) + HEAD + 7) & ~7ul;
		__atomic_store_n(consumer, at, __ATOMIC_RELEASE);
		if (head & DISCARDED)
			continue;
		*xid = event.xid;
		*id = event.id;
		return true;
	}
	return false;
}

bool read_request(uint32_t xid, struct vs_copy *request)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.map_fd = (uint32_t)slots;
	attributes.key = (uint64_t)(uintptr_t)&xid;
	attributes.value = (uint64_t)(uintptr_t)request;
	return bpf(BPF_MAP_LOOKUP_ELEM, &attributes) == 0;
}

bool next_server(uint32_t *xid)
{
	union bpf_attr attributes;
	uint32_t before = *xid;
	memset(&attributes, 0, sizeof attributes);
	attributes.map_fd = (uint32_t)slots;
	attributes.key = before == 0 ? 0 : (uint64_t)(uintptr_t)&before;
	attributes.next_key = (uint64_t)(uintptr_t)xid;
	return bpf(BPF_MAP_GET_NEXT_KEY, &attributes) == 0;
}

void end_request(uint32_t xid, uint64_t id, int error)
{
	struct vs_call request = { .operation = VS_OP_COPIED, .xid = xid, .ceiling = id, .flags = (uint32_t)error };
	ask(&request);
}
