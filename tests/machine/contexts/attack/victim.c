/* victim FIFO: a process to be attacked. It leads a session and a group of its own, has a second thread (unless it is to
 * enter a context, which takes a single one), blocks every signal so that whatever arrives stays pending, and ends with
 * its parent. It prints `PID TID`, then obeys lines from FIFO and prints an answer to each:
 *   enter        moves into a new context
 *   make         makes IPC objects
 *   send SOCKET  passes descriptors of itself to whoever listens there */
#include "attack.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

static int ready[2];

static void *second_thread(void *unused)
{
	int number = gettid();

	if (write(ready[1], &number, sizeof number) != sizeof number)
		_exit(1);
	pause();
	return unused;
}

static int start_thread(void)
{
	pthread_t thread;
	int number;

	if (pipe(ready) < 0 || pthread_create(&thread, NULL, second_thread, NULL) != 0)
		return -1;
	return read(ready[0], &number, sizeof number) == sizeof number ? number : -1;
}

static void obey(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "enter") == 0)
		printf("enter: %d\n", enter_new_context());
	else if (strcmp(line, "make") == 0)
		printf("make: %d\n", make_objects());
	else if (strncmp(line, "send ", 5) == 0)
		printf("send: %d\n", pass_own_descriptors(line + 5));
}

int victim(const char *fifo, int threads)
{
	char line[256];
	sigset_t all;
	FILE *orders;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* A process whose user changed is not dumpable, and then even its own user may not trace it. */
	prctl(PR_SET_DUMPABLE, 1);
	orders = fdopen(open(fifo, O_RDWR), "r");
	if (orders == NULL)
		return 1;
	printf("%d %d\n", getpid(), threads > 1 ? start_thread() : getpid());
	while (fgets(line, sizeof line, orders) != NULL)
		obey(line);
	return 0;
}
