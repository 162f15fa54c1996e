/* fuzz SEED CHILDREN: random calls of the pinned program by many short-lived children at once; they may end up anywhere. */
#include "abi.h"
#include "attack.h"
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const unsigned int numbers[] = {0, 1, 2, 3, 77, 49151, 49152, 49153, 65535, 65536, 0x7fffffff, 0x80000000, ~0u};
static const unsigned int flags[] = {0,  1,	 2,   4,     8,       16,      32, 64,
				     128, 0x100, 512, 65536, 1u << 17, 1u << 31, ~0u, 4 | 8};

static unsigned int pick(unsigned int count)
{
	return (unsigned int)random() % count;
}

#define ONE_OF(list) list[pick(sizeof(list) / sizeof *(list))]

static void fill(struct vs_call *call)
{
	unsigned char *bytes = (void *)call;

	for (size_t at = 0; at < sizeof *call; at++)
		bytes[at] = (unsigned char)random();
	if (pick(10) == 0)
		return;
	call->version = VS_ABI_VERSION;
	call->operation = pick(12);
	call->xid = ONE_OF(numbers);
	call->flags = pick(3) ? 0 : ONE_OF(flags);
	if (pick(2))
		call->ceiling = ~0ull;
}

static void call_once(int program, struct vs_call *room)
{
	union bpf_attr attributes;
	int odd = pick(8) == 0;

	memset(&attributes, 0, sizeof attributes);
	fill(room);
	attributes.test.prog_fd = (uint32_t)program;
	attributes.test.ctx_in = (uintptr_t)room;
	attributes.test.ctx_size_in = odd ? pick(4096) : sizeof *room;
	if (odd) {
		attributes.test.repeat = pick(3);
		attributes.test.flags = pick(4);
		attributes.test.cpu = pick(8);
		attributes.test.ctx_out = pick(2) ? (uintptr_t)room : 0;
		attributes.test.ctx_size_out = pick(2) ? sizeof *room : 0;
		attributes.test.data_in = pick(2) ? (uintptr_t)room : 0;
		attributes.test.data_size_in = pick(2) ? 64 : 0;
	}
	syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof attributes);
}

static void be_child(int program)
{
	struct vs_call *room = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (unsigned int calls = 1 + pick(40); calls > 0; calls--) {
		call_once(program, room);
		if (pick(10) == 0 && fork() == 0)
			srandom((unsigned int)getpid());
	}
	_exit(0);
}

int fuzz(unsigned int seed, int children)
{
	int program = open_call(), running = 0;

	for (int number = 0; number < children; number++) {
		if (running == 16 && wait(NULL) > 0)
			running--;
		if (fork() == 0) {
			srandom(seed + (unsigned int)number);
			be_child(program);
		}
		running++;
	}
	while (wait(NULL) > 0)
		;
	puts("done");
	return 0;
}
