/* The log: what servers cause is limited, so that none of them can fill it or hide the others' lines. */
#include "rebootmgr.h"
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>

static time_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* Takes one line out of the server's allowance. */
static bool may_log(struct server *server)
{
	time_t time = now(), earned = (time - server->lines_at) / LINE_SECONDS;
	if (earned > 0) {
		server->lines = earned > MOST_LINES - server->lines ? MOST_LINES : server->lines + (int)earned;
		server->lines_at = time;
	}
	if (server->lines == 0) {
		server->dropped++;
		return false;
	}
	server->lines--;
	return true;
}

void log_of(struct server *server, int priority, const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (!may_log(server))
		return;
	if (server->dropped > 0)
		syslog(LOG_WARNING, "vserver %s: %u lines about it were left out", server->name, server->dropped);
	server->dropped = 0;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	for (char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	syslog(priority, "%s", text);
}
