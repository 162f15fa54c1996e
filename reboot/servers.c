/* The servers that are served, and what is done for them: one command at a time for each, the last request counts.
 *
 * A request belongs to the start of the server it came from. A server that is stopped or restarted from outside calls
 * reboot(2) as well; by the time that request is carried out, the start it came from is over, and nothing happens. */
#define _GNU_SOURCE
#include "rebootmgr.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

struct server *servers;

static time_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* Copies the number behind `"KEY":` in the server's state, which vserver writes; empty when there is none. */
static void state_number(const struct server *server, const char *key, char *number, size_t size)
{
	char path[128], text[4096], mark[32];
	snprintf(path, sizeof path, RUN_DIRECTORY "/%s/state.json", server->name);
	snprintf(mark, sizeof mark, "\"%s\":", key);
	*number = '\0';
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	const char *found = strstr(text, mark);
	if (found == NULL)
		return;
	found += strlen(mark);
	size_t length = 0;
	while (length + 1 < size && isdigit((unsigned char)found[length]))
		length++;
	memcpy(number, found, length);
	number[length] = '\0';
}

struct server *server_of_context(uint32_t xid)
{
	for (struct server *server = servers; server != NULL; server = server->next) {
		char number[STARTED_SIZE];
		state_number(server, "xid", number, sizeof number);
		if (*number != '\0' && strtoul(number, NULL, 10) == xid)
			return server;
	}
	return NULL;
}

bool request(struct server *server, enum request wanted)
{
	char started[STARTED_SIZE];
	state_number(server, "started", started, sizeof started);
	if (*started == '\0')
		return false; /* it is stopped already */
	if (server->command > 0 && strcmp(started, server->at_work_started) == 0)
		return true; /* it is being done: what it asks on its way down is part of that */
	if (server->wanted == wanted && strcmp(started, server->wanted_started) == 0)
		return true;
	server->wanted = wanted;
	strcpy(server->wanted_started, started);
	log_of(server, LOG_NOTICE, "%s vserver %s", wanted == REBOOT ? "reboot" : "halt", server->name);
	return true;
}

static void run(struct server *server)
{
	const char *action = server->wanted == REBOOT ? "restart" : "stop";
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(ends[1], 2);
		fcntl(2, F_SETFL, 0);
		setsid();
		execlp("vserver", "vserver", "--silent", "--started", server->wanted_started, server->name, action, NULL);
		dprintf(2, "vserver %s: cannot %s it: %s\n", server->name, action, strerror(errno));
		_exit(255);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return; /* the request stays */
	}
	if (server->complaints >= 0)
		close(server->complaints);
	server->complaints = ends[0];
	watch(server->complaints);
	server->command = pid;
	server->began = now();
	strcpy(server->at_work_started, server->wanted_started);
	server->wanted = NOTHING;
}

int begin_commands(void)
{
	int at_work = 0, wait = -1;
	for (struct server *server = servers; server != NULL; server = server->next)
		at_work += server->command > 0;
	for (struct server *server = servers; server != NULL; server = server->next) {
		if (server->wanted == NOTHING || server->command > 0)
			continue;
		time_t left = server->began + PAUSE - now();
		if (left <= 0 && at_work < MOST_COMMANDS) {
			run(server);
			at_work++;
			left = 1; /* should there have been no room for a process */
		}
		if (server->wanted != NOTHING && left > 0 && (wait < 0 || left * 1000 < wait))
			wait = (int)left * 1000;
	}
	return wait;
}

void command_ended(pid_t pid, int status)
{
	for (struct server *server = servers; server != NULL; server = server->next) {
		if (server->command != pid)
			continue;
		server->command = 0;
		if (server->heard != 0)
			hear_again(server->heard);
		server->heard = 0;
		if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
			log_of(server, LOG_ERR, "vserver %s: the command ended with %d", server->name,
			       WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	}
}

static bool is_name(const char *name)
{
	return name[0] != '.' && strlen(name) < NAME_SIZE;
}

static struct server *find(const char *name)
{
	struct server *server = servers;
	while (server != NULL && strcmp(server->name, name) != 0)
		server = server->next;
	return server;
}

static void add(const char *name)
{
	struct server *server = calloc(1, sizeof *server);
	if (server == NULL)
		return;
	strcpy(server->name, name);
	server->listener = server->pipe = server->complaints = server->messenger = -1;
	for (int at = 0; at < MOST_CONNECTIONS; at++)
		server->connections[at] = -1;
	server->began = now() - PAUSE;
	server->lines = MOST_LINES;
	server->lines_at = now();
	if (!open_sockets(server)) {
		free(server);
		return;
	}
	follow_syslog(server);
	server->next = servers;
	servers = server;
}

/* Brings the list up to date with the directory. */
void find_servers(void)
{
	for (struct server **at = &servers; *at != NULL;) {
		char path[160];
		struct server *server = *at;
		snprintf(path, sizeof path, SERVED_DIRECTORY "/%s", server->name);
		if (server->command > 0 || access(path, F_OK) == 0) {
			follow_syslog(server);
			at = &server->next;
			continue;
		}
		*at = server->next;
		close_sockets(server);
		if (server->complaints >= 0)
			close(server->complaints);
		free(server);
	}
	DIR *directory = opendir(SERVED_DIRECTORY);
	if (directory == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		if (is_name(entry->d_name) && find(entry->d_name) == NULL)
			add(entry->d_name);
	closedir(directory);
}
