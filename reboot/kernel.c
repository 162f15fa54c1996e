/* Requests that the kernel half saw: reboot(2) called by root of a server. One of each server waits at most (boot.h). */
#define _GNU_SOURCE
#include "rebootmgr.h"
#include "abi.h"
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

/* Head of a record in the ring (linux/bpf.h): two bits, then the length. */
#define BUSY (1u << 31)
#define DISCARDED (1u << 30)
enum { HEAD = 8 };

static int requests = -1;
static unsigned long *consumer;
static const unsigned long *producer;
static const unsigned char *data;

static int open_pin(const char *path)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.pathname = (uint64_t)(uintptr_t)path;
	return (int)syscall(SYS_bpf, BPF_OBJ_GET, &attributes, sizeof attributes);
}

void hear_again(uint32_t xid)
{
	union bpf_attr attributes;
	uint32_t none = 0;
	memset(&attributes, 0, sizeof attributes);
	attributes.map_fd = (uint32_t)requests;
	attributes.key = (uint64_t)(uintptr_t)&xid;
	attributes.value = (uint64_t)(uintptr_t)&none;
	syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attributes, sizeof attributes);
}

static void take(bool heed)
{
	unsigned long at = __atomic_load_n(consumer, __ATOMIC_ACQUIRE);
	while (at < __atomic_load_n(producer, __ATOMIC_ACQUIRE)) {
		const unsigned char *record = data + (at & (VS_BOOT_RING - 1));
		uint32_t head = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE), event[2];
		if (head & BUSY)
			break;
		if (!(head & DISCARDED)) {
			memcpy(event, record + HEAD, sizeof event);
			struct server *server = heed ? server_of_context(event[0]) : NULL;
			/* One that is heeded is not heard again before its command has ended. */
			if (server != NULL && request(server, event[1] == VS_BOOT_HALT ? HALT : REBOOT))
				server->heard = event[0];
			else
				hear_again(event[0]);
		}
		at += ((head & ~(BUSY | DISCARDED)) + HEAD + 7) & ~7ul;
		__atomic_store_n(consumer, at, __ATOMIC_RELEASE);
	}
}

/* The descriptor to wait for; -1 when the kernel half is not loaded. What was asked before is over. */
int open_kernel_requests(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int ring = open_pin(VS_PIN_DIRECTORY "/boot_ring");
	requests = open_pin(VS_PIN_DIRECTORY "/boot_requests");
	if (ring < 0 || requests < 0)
		return -1;
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
	const unsigned char *rest = mmap(NULL, page + 2 * VS_BOOT_RING, PROT_READ, MAP_SHARED, ring, (off_t)page);
	if (consumer == MAP_FAILED || rest == MAP_FAILED)
		return -1;
	producer = (const unsigned long *)rest;
	data = rest + page;
	fcntl(ring, F_SETFD, FD_CLOEXEC);
	fcntl(requests, F_SETFD, FD_CLOEXEC);
	take(false);
	return ring;
}

void read_kernel_requests(void)
{
	take(true);
}
