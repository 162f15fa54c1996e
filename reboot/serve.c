/* What a server can reach of us: a socket for vreboot and vhalt, and the pipe that System V's shutdown writes to.
 *
 * Nothing here waits: a server that connects and says nothing, connects a thousand times, or writes without end costs a
 * few descriptors and a turn of the loop each time, never another server's turn. */
#define _GNU_SOURCE
#include "rebootmgr.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

/* As in the reference: one read, a message and nothing but a message. */
enum { LONGEST = 99, BACKLOG = 10 };

/* sysvinit's struct init_request. */
#define INIT_MAGIC 0x03091969
struct init_request {
	int magic, command, level, pause;
	char data[368];
};
enum { INIT_SET_LEVEL = 1 };

static int path_of(char *path, size_t size, const struct server *server, const char *file)
{
	return snprintf(path, size, SERVED_DIRECTORY "/%s/%s", server->name, file);
}

static int socket_at(const char *path, int type, mode_t mode)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0)
		return -1;
	unlink(path);
	mode_t mask = umask(0777 & ~mode);
	int result = bind(descriptor, (struct sockaddr *)&address, sizeof address);
	umask(mask);
	if (result == 0 && (type != SOCK_STREAM || listen(descriptor, BACKLOG) == 0))
		return descriptor;
	close(descriptor);
	return -1;
}

/* Opened for writing too: there is never an end of file. */
static int pipe_at(const char *path)
{
	unlink(path);
	if (mkfifo(path, 0600) < 0)
		return -1;
	return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

bool open_sockets(struct server *server)
{
	char path[256];
	path_of(path, sizeof path, server, "reboot");
	server->listener = socket_at(path, SOCK_STREAM, 0600);
	path_of(path, sizeof path, server, "initctl");
	server->pipe = pipe_at(path);
	if (server->listener < 0 || server->pipe < 0) {
		syslog(LOG_ERR, "vserver %s: cannot serve it: %s", server->name, strerror(errno));
		close_sockets(server);
		return false;
	}
	watch(server->listener);
	watch(server->pipe);
	return true;
}

static void forget(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

void close_sockets(struct server *server)
{
	forget(&server->listener);
	forget(&server->pipe);
	forget(&server->messenger);
	for (int at = 0; at < MOST_CONNECTIONS; at++)
		forget(&server->connections[at]);
}

void follow_syslog(struct server *server)
{
	char path[256];
	path_of(path, sizeof path, server, "syslog");
	bool wanted = access(path, F_OK) == 0;
	if (wanted == (server->messenger >= 0))
		return;
	path_of(path, sizeof path, server, "log");
	if (!wanted) {
		forget(&server->messenger);
		unlink(path);
		return;
	}
	/* Everybody in the server may log. */
	server->messenger = socket_at(path, SOCK_DGRAM, 0666);
	if (server->messenger >= 0)
		watch(server->messenger);
	else
		syslog(LOG_ERR, "vserver %s: cannot take its log: %s", server->name, strerror(errno));
}

static void accept_from(struct server *server)
{
	int descriptor = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (descriptor < 0)
		return;
	for (int at = 0; at < MOST_CONNECTIONS; at++) {
		if (server->connections[at] >= 0)
			continue;
		server->connections[at] = descriptor;
		watch(descriptor);
		return;
	}
	log_of(server, LOG_ERR, "Too many connections from vserver %s", server->name);
	close(descriptor);
}

static void read_connection(struct server *server, int *connection)
{
	char text[LONGEST];
	ssize_t length = read(*connection, text, sizeof text);
	enum request wanted = NOTHING;

	if (length < 0 && errno == EAGAIN)
		return;
	if (length == (ssize_t)strlen(REBOOT_MESSAGE) && memcmp(text, REBOOT_MESSAGE, (size_t)length) == 0)
		wanted = REBOOT;
	if (length == (ssize_t)strlen(HALT_MESSAGE) && memcmp(text, HALT_MESSAGE, (size_t)length) == 0)
		wanted = HALT;
	if (wanted != NOTHING) {
		request(server, wanted);
		return;
	}
	if (length > 0)
		log_of(server, LOG_ERR, "Invalid request from vserver %s", server->name);
	forget(connection);
}

static void read_pipe(struct server *server)
{
	struct init_request asked;
	ssize_t length = read(server->pipe, &asked, sizeof asked);
	if (length < 0)
		return;
	if (length != sizeof asked || asked.magic != INIT_MAGIC) {
		log_of(server, LOG_ERR, "Invalid request from vserver %s", server->name);
		return;
	}
	if (asked.command == INIT_SET_LEVEL && (asked.level == '0' || asked.level == '6'))
		request(server, asked.level == '0' ? HALT : REBOOT);
}

static void read_complaints(struct server *server)
{
	char text[400];
	ssize_t length = read(server->complaints, text, sizeof text - 1);
	if (length < 0 && errno == EAGAIN)
		return;
	if (length <= 0) {
		forget(&server->complaints);
		return;
	}
	text[length] = '\0';
	for (char *line, *rest = text; (line = strsep(&rest, "\n")) != NULL;)
		if (*line != '\0')
			log_of(server, LOG_ERR, "%s", line);
}

void read_ready(int descriptor)
{
	for (struct server *server = servers; server != NULL; server = server->next) {
		if (descriptor == server->listener)
			return accept_from(server);
		if (descriptor == server->pipe)
			return read_pipe(server);
		if (descriptor == server->messenger)
			return read_messages(server);
		if (descriptor == server->complaints)
			return read_complaints(server);
		for (int at = 0; at < MOST_CONNECTIONS; at++)
			if (descriptor == server->connections[at])
				return read_connection(server, &server->connections[at]);
	}
}
