/* crowd N: N processes ask for a new context at the same moment. Prints how many got one, how many different ones, how
 * many saw another number in a child of theirs, and, when all are gone, how many of their records are left. */
#include "abi.h"
#include "attack.h"
#include <sys/mman.h>
#include <sys/wait.h>

struct member {
	int result;
	unsigned int own, of_child;
};

/* Pipes that nobody writes to: their end of file, when the last one closes them, is the signal for all at once. */
static int start[2], leave[2], done[2];

static unsigned int own_number(int program)
{
	struct vs_call call = {.version = VS_ABI_VERSION, .operation = VS_OP_QUERY};

	return run_call(program, &call) == 0 ? call.xid : ~0u;
}

static void be_member(struct member *self, int program)
{
	struct vs_call call = {.version = VS_ABI_VERSION, .operation = VS_OP_NEW, .ceiling = ~0ull};
	char byte = 0;

	close(start[1]);
	close(leave[1]);
	while (read(start[0], &byte, 1) > 0)
		;
	self->result = run_call(program, &call);
	self->own = own_number(program);
	if (fork() == 0) {
		self->of_child = own_number(program);
		_exit(0);
	}
	wait(NULL);
	if (write(done[1], &byte, 1) != 1)
		_exit(1);
	/* Nobody leaves before all are in, or a number could be given out twice. */
	while (read(leave[0], &byte, 1) > 0)
		;
	_exit(0);
}

static int by_number(const void *one, const void *other)
{
	return (int)(*(const unsigned int *)one - *(const unsigned int *)other);
}

int crowd(int count)
{
	struct member *all = mmap(NULL, (size_t)count * sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int *numbers = calloc((size_t)count, sizeof *numbers);
	int program = open_call(), made = 0, different = 0, strayed = 0, left = 0;
	char byte;

	if (pipe(start) < 0 || pipe(leave) < 0 || pipe(done) < 0)
		return 1;
	for (int number = 0; number < count; number++)
		if (fork() == 0)
			be_member(&all[number], program);
	close(start[1]);
	for (int number = 0; number < count; number++)
		if (read(done[0], &byte, 1) != 1)
			return 1;
	for (int number = 0; number < count; number++) {
		made += all[number].result == 0;
		strayed += all[number].own != all[number].of_child;
		numbers[number] = all[number].own;
	}
	qsort(numbers, (size_t)count, sizeof *numbers, by_number);
	for (int number = 0; number < count; number++)
		different += number == 0 || numbers[number] != numbers[number - 1];
	close(leave[1]);
	while (wait(NULL) > 0)
		;
	/* A task goes a moment after its process has been waited for. */
	for (int tries = 0; tries < 100; tries++) {
		left = 0;
		for (int number = 0; number < count; number++) {
			struct vs_call call = {
				.version = VS_ABI_VERSION, .operation = VS_OP_INSPECT, .xid = numbers[number]};

			left += run_call(program, &call) != -ESRCH;
		}
		if (left == 0)
			break;
		usleep(100000);
	}
	printf("made %d different %d strayed %d left %d\n", made, different, strayed, left);
	return 0;
}
