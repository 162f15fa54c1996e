/* vreboot and vhalt: ask the main server to restart or stop the virtual server this runs in. Any libc, any kernel. */
#include "abi.h"
#include "reboot.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s [--socket PATH]\nAsks the main server to %s this virtual server; the socket is %s.\n",
		name, strstr(name, "halt") != NULL ? "stop" : "restart", GUEST_SOCKET);
	return 255;
}

static int complain(const char *path)
{
	fprintf(stderr, "connect %s (%s)\n", path, strerror(errno));
	return 255;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash != NULL ? slash + 1 : argv[0];
	const char *message = strstr(name, "halt") != NULL ? HALT_MESSAGE : REBOOT_MESSAGE, *path = GUEST_SOCKET;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	for (int at = 1; at < argc; at++) {
		if (strcmp(argv[at], "--socket") == 0 && at + 1 < argc) {
			path = argv[++at];
			continue;
		}
		if (strcmp(argv[at], "--version") == 0)
			return printf("%s (vserver) " VS_VERSION "\n", name) < 0;
		if (strcmp(argv[at], "--help") != 0)
			fprintf(stderr, "Invalid option %s\n", argv[at]);
		return usage(name);
	}
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return complain(path);
	}
	strcpy(address.sun_path, path);
	signal(SIGPIPE, SIG_IGN);
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
		return complain(path);
	if (write(descriptor, message, strlen(message)) != (ssize_t)strlen(message))
		return complain(path);
	return 0;
}
