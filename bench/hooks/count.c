/*
 * /PATH/count ADDRESS DIRECTORY: what each operation costs, one line of `name nanoseconds` each.
 * On a machine whose clock counts instructions (QEMU's -icount shift=0) a nanosecond is an instruction.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES = 500, PORT = 4711 };

static struct sockaddr_in own = { .sin_family = AF_INET }, any = { .sin_family = AF_INET };
static const char *program;
static pid_t other;
static int listener, receiver, sender, standing;

static void must(int result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
}

static void open_close(void)
{
	int descriptor = open("one/two/three/file", O_RDONLY);
	must(descriptor, "open");
	close(descriptor);
}

static void open_close_writing(void)
{
	int descriptor = open("one/two/three/file", O_WRONLY);
	must(descriptor, "open");
	close(descriptor);
}

static void read_byte(void)
{
	char byte;
	must((int)pread(standing, &byte, 1, 0), "read");
}

static void stat_file(void)
{
	struct stat about;
	must(stat("one/two/three/file", &about), "stat");
}

static void read_proc_stat(void)
{
	char text[1024];
	int descriptor = open("/proc/self/stat", O_RDONLY);
	must(descriptor, "open /proc/self/stat");
	must((int)read(descriptor, text, sizeof text), "read /proc/self/stat");
	close(descriptor);
}

static void collect(pid_t child)
{
	int status;
	must(child, "fork");
	must(waitpid(child, &status, 0), "wait");
	if (status != 0)
		errx(1, "a child failed");
}

static void fork_exit(void)
{
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	collect(child);
}

static void fork_exec(void)
{
	pid_t child = fork();
	if (child == 0) {
		execl(program, program, (char *)NULL);
		_exit(1);
	}
	collect(child);
}

static void kill_other(void)
{
	must(kill(other, 0), "kill");
}

static void bind_close(void)
{
	int one = 1, made = socket(AF_INET, SOCK_STREAM, 0);
	must(made, "socket");
	must(setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "setsockopt");
	must(bind(made, (struct sockaddr *)&any, sizeof any), "bind");
	close(made);
}

/* The client resets the connection: nothing waits for a timer afterwards. */
static void connect_close(void)
{
	struct linger at_once = { .l_onoff = 1 };
	int client = socket(AF_INET, SOCK_STREAM, 0), server;
	must(client, "socket");
	must(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "setsockopt");
	must(connect(client, (struct sockaddr *)&own, sizeof own), "connect");
	must(server = accept(listener, NULL, NULL), "accept");
	close(client);
	close(server);
}

static void send_datagram(void)
{
	must((int)sendto(sender, "x", 1, 0, (struct sockaddr *)&own, sizeof own), "sendto");
}

static void drain(void)
{
	char byte;
	while (recv(receiver, &byte, 1, MSG_DONTWAIT) >= 0)
		;
}

static const struct operation {
	const char *name;
	void (*perform)(void);
	/* Samples, and how often it is performed in each. What is long is taken one by one: a timer's interrupt or the memory
	 * of processes that are gone would be in every sample of many. */
	int samples;
	int times;
	void (*after)(void);
} operations[] = {
	{ "open+close", open_close, 25, 300, NULL },
	{ "open+close for writing", open_close_writing, 25, 300, NULL },
	{ "read a byte", read_byte, 25, 1000, NULL },
	{ "stat", stat_file, 25, 300, NULL },
	{ "read /proc/self/stat", read_proc_stat, 25, 100, NULL },
	{ "fork+exit", fork_exit, SAMPLES, 1, NULL },
	{ "fork+exec", fork_exec, SAMPLES / 2, 1, NULL },
	{ "kill(0)", kill_other, 25, 1000, NULL },
	{ "socket+bind+close", bind_close, 25, 200, NULL },
	{ "connect", connect_close, SAMPLES, 1, NULL },
	{ "sendto", send_datagram, 25, 100, drain },
};

static uint64_t now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC_RAW, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static int ascending(const void *one, const void *two)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)two;
	return (a > b) - (a < b);
}

/* What one of eight samples is below: what is above is the timer, memory that runs short, ports that are taken. */
static uint64_t cost_of(const struct operation *operation)
{
	static uint64_t costs[SAMPLES];
	for (int sample = -1; sample < operation->samples; sample++) {
		uint64_t before = now();
		for (int time = 0; time < operation->times; time++)
			operation->perform();
		/* The first one only warms up. */
		if (sample >= 0)
			costs[sample] = (now() - before) / (uint64_t)operation->times;
		if (operation->after != NULL)
			operation->after();
	}
	qsort(costs, (size_t)operation->samples, sizeof *costs, ascending);
	return costs[operation->samples / 8];
}

static void make_sockets(const char *address)
{
	own.sin_port = htons(PORT);
	any.sin_port = htons(PORT + 1);
	if (inet_pton(AF_INET, address, &own.sin_addr) != 1)
		errx(1, "%s is no address", address);
	must(listener = socket(AF_INET, SOCK_STREAM, 0), "socket");
	must(bind(listener, (struct sockaddr *)&own, sizeof own), "bind");
	must(listen(listener, 5), "listen");
	must(receiver = socket(AF_INET, SOCK_DGRAM, 0), "socket");
	must(bind(receiver, (struct sockaddr *)&own, sizeof own), "bind");
	must(sender = socket(AF_INET, SOCK_DGRAM, 0), "socket");
}

static void make_files(const char *directory)
{
	must(chdir(directory), directory);
	mkdir("one", 0755);
	mkdir("one/two", 0755);
	mkdir("one/two/three", 0755);
	int file = open("one/two/three/file", O_CREAT | O_WRONLY, 0644);
	must(file, "create a file");
	must((int)write(file, "x", 1), "write a file");
	close(file);
	must(standing = open("one/two/three/file", O_RDONLY), "open");
}

int main(int argc, char **argv)
{
	/* Started once more by fork_exec. */
	if (argc == 1)
		return 0;
	if (argc != 3)
		errx(2, "usage: /PATH/count ADDRESS DIRECTORY");
	program = argv[0];
	make_files(argv[2]);
	make_sockets(argv[1]);
	must(other = fork(), "fork");
	if (other == 0)
		for (;;)
			pause();
	for (size_t at = 0; at < sizeof operations / sizeof *operations; at++)
		printf("%s %llu\n", operations[at].name, (unsigned long long)cost_of(&operations[at]));
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return 0;
}
