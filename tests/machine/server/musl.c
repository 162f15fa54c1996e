/*
 * A server's programs on another C library than Debian's. `serve PORT`: process 1, that answers each connection with a
 * line and ends by SIGQUIT. `look PID`: what the library finds out of the server it is in, a line each, and whether
 * it can signal a process of the main server.
 */
#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal)
{
	(void)signal;
	static const char line[] = "ended by SIGQUIT\n";
	_exit(write(1, line, sizeof line - 1) < 0);
}

static int serve(const char *port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port)) };
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	char name[64] = "";
	struct sigaction quit = { .sa_handler = end };
	sigaction(SIGQUIT, &quit, NULL);
	signal(SIGPIPE, SIG_IGN);
	gethostname(name, sizeof name - 1);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 8) < 0)
		return 1;
	printf("process %d of user %d\n", getpid(), getuid());
	fflush(stdout);
	for (;;) {
		int peer = accept(listener, NULL, NULL);
		dprintf(peer, "musl of %s\n", name);
		close(peer);
	}
}

static void *thread(void *number)
{
	*(int *)number += 1;
	return NULL;
}

static int processes(void)
{
	int count = 0;
	DIR *directory = opendir("/proc");
	for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
		count += atoi(entry->d_name) > 0;
	return count;
}

static int look(const char *pid)
{
	char name[64] = "", address[INET_ADDRSTRLEN] = "none";
	struct addrinfo hints = { .ai_family = AF_INET }, *found = NULL;
	struct passwd *user = getpwnam("web");
	int number = 41, status = 0;
	pthread_t other;
	gethostname(name, sizeof name - 1);
	if (getaddrinfo(name, NULL, &hints, &found) == 0)
		inet_ntop(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr, address, sizeof address);
	if (pthread_create(&other, NULL, thread, &number) == 0)
		pthread_join(other, NULL);
	pid_t child = fork();
	if (child == 0)
		_exit(7);
	waitpid(child, &status, 0);
	printf("name %s\naddress %s\nweb %d\nthread %d\nchild %d\nprocesses %d\nmain %d\n", name, address,
	       user == NULL ? -1 : (int)user->pw_uid, number, WEXITSTATUS(status), processes(), kill(atoi(pid), 0));
	return 0;
}

int main(int count, char **words)
{
	if (count == 3 && strcmp(words[1], "serve") == 0)
		return serve(words[2]);
	return count == 3 && strcmp(words[1], "look") == 0 ? look(words[2]) : 2;
}
