/* A server's syslog in the main server's log (SYSLOG=main): each message with the server's name before it, on one line, never
 * in the name of the main server's kernel, and no more of them than the log can bear. */
#define _GNU_SOURCE
#include "rebootmgr.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
	LONGEST = 2048, /* what is longer is cut */
	TURNS = 16,     /* messages of one server before it is the others' turn */
	BURST = 1000,   /* messages at once, and as many for each second after that */
	EACH_SECOND = 50,
	FACILITY = 0x3f8,
};

static int log_socket = -1;

static bool send_on(const char *text, size_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	for (int attempt = 0; attempt < 2; attempt++) {
		if (log_socket < 0) {
			log_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
			if (log_socket < 0 || connect(log_socket, (struct sockaddr *)&address, sizeof address) < 0)
				break;
		}
		if (send(log_socket, text, length, MSG_NOSIGNAL) == (ssize_t)length)
			return true;
		if (errno == EAGAIN)
			return false;
		/* The log daemon was restarted: its socket is another one now. */
		close(log_socket);
		log_socket = -1;
	}
	if (log_socket >= 0)
		close(log_socket);
	log_socket = -1;
	return false;
}

/* Takes `<13>` off; a facility that is the kernel's or none becomes the users'. */
static const char *priority_of(const char *text, unsigned *priority)
{
	char *end;
	*priority = LOG_USER | LOG_NOTICE;
	if (*text != '<' || !isdigit((unsigned char)text[1]))
		return text;
	unsigned long number = strtoul(text + 1, &end, 10);
	if (*end != '>' || number > (LOG_LOCAL7 | LOG_DEBUG))
		return text;
	*priority = (unsigned)number;
	if ((number & FACILITY) == LOG_KERN)
		*priority |= LOG_USER;
	return end + 1;
}

/* Takes `Nov 24 16:00:00 ` off: the time is ours. */
static const char *without_time(const char *text)
{
	static const char pattern[] = "aaa dd dd:dd:dd ";
	for (size_t at = 0; at < sizeof pattern - 1; at++) {
		unsigned char one = (unsigned char)text[at];
		bool right = pattern[at] == 'a' ? isalpha(one) : pattern[at] == 'd' ? isdigit(one) || one == ' ' : one == pattern[at];
		if (!right)
			return text;
	}
	return text + sizeof pattern - 1;
}

static void relay(struct server *server, char *text)
{
	char line[LONGEST + NAME_SIZE + 64], stamp[32];
	time_t time_now = time(NULL);
	struct tm parts;
	unsigned priority;
	const char *rest = without_time(priority_of(text, &priority));

	strftime(stamp, sizeof stamp, "%b %e %T", localtime_r(&time_now, &parts));
	int head = snprintf(line, sizeof line, "<%u>%s %s/", priority, stamp, server->name);
	int length = head + snprintf(line + head, sizeof line - (size_t)head, "%s", rest);
	for (char *at = line + head; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
	if (!send_on(line, (size_t)length))
		server->messages_lost++;
}

static bool may_relay(struct server *server)
{
	struct timespec time_now;
	clock_gettime(CLOCK_MONOTONIC, &time_now);
	time_t passed = time_now.tv_sec - server->messages_at;
	if (passed > 0) {
		long more = server->messages + (passed > BURST ? BURST : (long)passed) * EACH_SECOND;
		server->messages = more > BURST ? BURST : (int)more;
		server->messages_at = time_now.tv_sec;
	}
	return server->messages > 0;
}

void read_messages(struct server *server)
{
	char text[LONGEST + 1];
	for (int turn = 0; turn < TURNS; turn++) {
		ssize_t length = recv(server->messenger, text, LONGEST, MSG_DONTWAIT);
		if (length < 0)
			return;
		if (!may_relay(server)) {
			server->messages_lost++;
			continue;
		}
		server->messages--;
		if (server->messages_lost > 0)
			log_of(server, LOG_WARNING, "vserver %s: %u messages were left out", server->name, server->messages_lost);
		server->messages_lost = 0;
		/* What follows a NUL is nothing a log can show. */
		text[length] = '\0';
		relay(server, text);
	}
}
