/* /sbin/init of an idle server: says in /ready that it runs, and ends when it is asked to. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static void end(int number)
{
	(void)number;
	_exit(0);
}

int main(void)
{
	signal(SIGTERM, end);
	int ready = open("/ready", O_WRONLY | O_NONBLOCK);
	/* Nobody may be listening. */
	if (ready >= 0) {
		(void)!write(ready, "!", 1);
		close(ready);
	}
	for (;;)
		pause();
}
