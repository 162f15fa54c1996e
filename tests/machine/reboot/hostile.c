/* A hostile server's root at /dev/reboot: garbage four hundred times, then forty connections that say nothing. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int reach(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/dev/reboot" };
	int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
		perror("connect");
	return descriptor;
}

int main(void)
{
	static const char *garbage[] = { "garbage\n", "reboot", "reboot\nreboot\n", "halt\n\n", "REBOOT\n", "\0reboot\n" };
	char flood[4096];

	signal(SIGPIPE, SIG_IGN);
	memset(flood, 'r', sizeof flood);
	for (int turn = 0; turn < 400; turn++) {
		int descriptor = reach();
		const char *text = garbage[turn % 6];
		if (turn % 7 == 0)
			write(descriptor, flood, sizeof flood);
		else
			write(descriptor, text, *text ? strlen(text) : 8);
		close(descriptor);
	}
	for (int turn = 0; turn < 40; turn++)
		reach();
	close(open("/tmp/held", O_CREAT | O_WRONLY, 0600));
	pause();
}
