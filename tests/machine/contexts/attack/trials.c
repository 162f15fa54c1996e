/* What a process of a context learns about it while its tasks come and go, and the new system calls by hand.
 *
 *   call OPERATION [XID [FLAGS [CEILING]]]   makes one call and prints its result and the record
 *   life       prints the number of tasks of a new context at each stage of its life
 *   forks N    forks N children that stay, and tells how many were born, how many refused, and how many strayed */
#include "abi.h"
#include "attack.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

int make_call(int argc, char **argv)
{
	struct vs_call call = {.version = VS_ABI_VERSION, .ceiling = ~0ull};
	int program = open_call(), result;

	call.operation = (unsigned int)strtoul(argv[0], NULL, 0);
	if (argc > 1)
		call.xid = (unsigned int)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		call.flags = (unsigned int)strtoul(argv[2], NULL, 0);
	if (argc > 3)
		call.ceiling = strtoull(argv[3], NULL, 0);
	result = run_call(program, &call);
	printf("%s xid %u flags %x ceiling %llx tasks %u\n", result == 0 ? "ok" : strerrorname_np(-result), call.xid,
	       call.flags, call.ceiling, call.tasks);
	return 0;
}

static struct vs_call query(int program)
{
	struct vs_call call = {.version = VS_ABI_VERSION, .operation = VS_OP_QUERY};

	run_call(program, &call);
	return call;
}

/* A task goes a moment after it has ended, when nobody can be looking at it any more. */
static void expect_tasks(const char *stage, int program, unsigned int expected)
{
	unsigned int tasks = 0;

	for (int tries = 0; tries < 500; tries++) {
		tasks = query(program).tasks;
		if (tasks == expected)
			break;
		usleep(10000);
	}
	printf("%s: %u\n", stage, tasks);
}

static int stay;

static void *second_thread(void *unused)
{
	while (__atomic_load_n(&stay, __ATOMIC_ACQUIRE))
		usleep(1000);
	return unused;
}

static void *execute(void *words)
{
	execv("/proc/self/exe", words);
	return NULL;
}

int life(int argc)
{
	char *again[] = {"attack", "life", "again", NULL};
	int program = open_call(), child;
	siginfo_t info;
	pthread_t thread;

	if (argc > 0) {
		expect_tasks("executed by a second thread", program, 1);
		return 0;
	}
	if (enter_new_context() < 0)
		return 1;
	expect_tasks("alone", program, 1);
	stay = 1;
	pthread_create(&thread, NULL, second_thread, NULL);
	expect_tasks("with a second thread", program, 2);
	__atomic_store_n(&stay, 0, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	expect_tasks("after its end", program, 1);
	child = fork();
	if (child == 0)
		_exit(0);
	waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	expect_tasks("with a zombie", program, 2);
	waitpid(child, NULL, 0);
	expect_tasks("after it was waited for", program, 1);
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	expect_tasks("with a child", program, 2);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	expect_tasks("after it was killed", program, 1);
	if (vfork() == 0)
		_exit(0);
	wait(NULL);
	expect_tasks("after vfork", program, 1);
	stay = 1;
	pthread_create(&thread, NULL, execute, again);
	pthread_join(thread, NULL);
	return 1;
}

int forks(int count)
{
	unsigned int *numbers = mmap(NULL, 4096 + (size_t)count * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int program = open_call(), born = 0, refused = 0, strayed = 0, error = 0;
	unsigned int own = query(program).xid;

	signal(SIGTERM, SIG_IGN);
	for (int at = 0; at < count; at++) {
		int child = fork();

		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			__atomic_store_n(&numbers[at], query(program).xid + 1, __ATOMIC_RELEASE);
			for (;;)
				pause();
		}
		if (child > 0)
			born++;
		else
			refused++, error = errno;
		while (child > 0 && !__atomic_load_n(&numbers[at], __ATOMIC_ACQUIRE))
			usleep(100);
		strayed += child > 0 && numbers[at] != own + 1;
	}
	printf("born %d refused %d strayed %d %s\n", born, refused, strayed, error ? strerrorname_np(error) : "ok");
	return 0;
}
