/* The parts of rebootmgr: servers and their requests, the kernel's requests, and a log that nobody can fill. */
#ifndef REBOOTMGR_H
#define REBOOTMGR_H
#include "reboot.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where each server has a directory of what is served to it; the server sees it as /dev/vserver. */
#define RUN_DIRECTORY "/run/vserver"
#define SERVED_DIRECTORY RUN_DIRECTORY "/.served"

enum {
	NAME_SIZE = 65, /* a server's name has at most 64 characters */
	STARTED_SIZE = 24,
	/* Connections one server may keep open; more are closed at once. */
	MOST_CONNECTIONS = 4,
	/* Commands at work at the same time, of all servers. */
	MOST_COMMANDS = 8,
	/* Seconds between the beginnings of two commands for one server. */
	PAUSE = 5,
	/* Lines about one server that are logged at once, and seconds after which there may be one more. */
	MOST_LINES = 6,
	LINE_SECONDS = 20,
};

struct server {
	struct server *next;
	char name[NAME_SIZE];
	int listener, pipe;
	int connections[MOST_CONNECTIONS];
	/* What is to be done, and for which start of the server it was asked. */
	enum request wanted;
	char wanted_started[STARTED_SIZE];
	/* The command at work. */
	pid_t command;
	char at_work_started[STARTED_SIZE];
	int complaints; /* its standard error */
	/* Context whose next request the kernel half keeps to itself until the command has ended; 0 for none. */
	uint32_t heard;
	time_t began;
	/* Lines it may still have logged, when the last one was added, and how many were not. */
	int lines;
	time_t lines_at;
	unsigned dropped;
	/* Its syslog, when that goes to the main server's; messages it may still send, and how many were left out. */
	int messenger;
	int messages;
	time_t messages_at;
	unsigned messages_lost;
};

/* servers.c */
extern struct server *servers;
void find_servers(void);
struct server *server_of_context(uint32_t xid);
/* False when nothing is going to be done. */
bool request(struct server *server, enum request wanted);
/* Milliseconds until a command may begin; -1: none waits. */
int begin_commands(void);
void command_ended(pid_t pid, int status);
void end_of_server(struct server *server);

/* serve.c */
bool open_sockets(struct server *server);
void close_sockets(struct server *server);
void read_ready(int descriptor);
/* Opens or closes its syslog, as its start has asked. */
void follow_syslog(struct server *server);

/* kernel.c: the kernel half tells of reboot(2) in a server. */
int open_kernel_requests(void);
void read_kernel_requests(void);
/* Lets the kernel half report the next request of a context. */
void hear_again(uint32_t xid);

/* log.c */
__attribute__((format(printf, 3, 4))) void log_of(struct server *server, int priority, const char *format, ...);

/* relay.c */
void read_messages(struct server *server);

/* rebootmgr.c */
void watch(int descriptor);

#endif
