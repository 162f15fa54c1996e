/* What one process can try on another: each attempt is a real call, and says 0 or a negative errno. */
#ifndef ATTACK_H
#define ATTACK_H

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct target {
	int pid;
	/* A thread of it that is not the first. */
	int tid;
	/* What `pidfd` and `/proc/PID` were when somebody opened them who could, or -1. */
	int pidfd;
	int directory;
	/* Where procfs is mounted. */
	const char *proc;
};

struct attempt {
	const char *name;
	int (*make)(const struct target *);
};

struct topic {
	const char *name;
	const struct attempt *attempts;
};

extern const struct attempt signals[], tracing[], limits[], identity[], clocks[], processes[], strict[], ring[],
	sigio[], passed[], ipc[], events[], pins[],
	machine[], unified[];

/* 0, or the errno of the call just made, negative. */
#define TRY(call) ((call) < 0 ? -errno : 0)

/* A system call by way of int 0x80: its numbers and registers are those of a 32-bit program. */
long call32(long number, long a, long b, long c, long d, long e);
/* Memory that a 32-bit register can point to. */
void *low_memory(void);

/* Prints `name: ok` or `name: ERRNO`. */
void report(const char *name, int result);

int victim(const char *fifo, int threads);
int crowd(int count);
int scenes(void);
int terminal(int foreign);
int make_call(int argc, char **argv);
int life(int argc);
int forks(int count);
int fuzz(unsigned int seed, int children);

/* Prints what an attack could have changed of it. */
int show_condition(int pid, int tid);

/* The new system calls: a descriptor, the result of one, and the common one. */
struct vs_call;
int open_call(void);
int run_call(int program, struct vs_call *call);
int enter_new_context(void);

/* Makes the one request of a ring set up with `flags`, and returns its result. */
struct io_uring_sqe;
int ring_request(const struct io_uring_sqe *one, unsigned int flags);
/* Opens by such a ring, with the request's own flags `how`, and closes: 0 or a negative errno. */
int ring_open(const char *path, int flags, unsigned int setup, unsigned char how);

/* Gives a descriptor of the file, open for writing, to whoever connects to FILE.socket, for 300 seconds at most. */
int hand(const char *path);

/* IPC objects to be found by the maker's number. */
int make_objects(void);

/* A pidfd and a directory of /proc on their way from the victim to the attacker. */
int pass_own_descriptors(const char *path);
int receive_descriptors(struct target *t, const char *path);
int hold_descriptors(struct target *t, const char *fifo);

#endif
