/* What the steps of one run share. */
#ifndef LAUNCH_H
#define LAUNCH_H
#include "plan.h"

enum { SLOTS = 16 };

struct run {
	struct plan plan;
	uint32_t index;
	/* Words after the plan's descriptor, NULL-terminated: for exec. */
	char **words;
	/* Descriptors, or -1: what `open` keeps, the context call, the pipe to a parent that waits in `detach`, the control
	 * group of the next child. */
	int slots[SLOTS];
	int context;
	int waiting;
	int group;
	uint32_t xid;
};

/* Steps return 0, or an errno or a PLAN_FAILURES number. */
typedef int perform(struct run *run, const struct argument *arguments);
#define DECLARE(number, name, signature) perform step_##name;
PLAN_OPERATIONS(DECLARE)

#define STEP(name) \
	int step_##name(__attribute__((unused)) struct run *run, __attribute__((unused)) const struct argument *a)
/* A step that is one system call. */
#define CALL(name, call) \
	STEP(name) \
	{ \
		return outcome(call); \
	}

/* 0, or errno when a system call returned -1. */
int outcome(long result);

/* A slot's place, or NULL when there is no such slot. */
int *slot(struct run *run, int64_t number);

/* Copies `text` with {xid} replaced and writes it to `descriptor` in one write(2). */
int write_text(const struct run *run, int descriptor, const char *text);

/* Closes what only a process that goes on with the plan needs. */
void forget(struct run *run);

/* Reads a plan into memory: from a sealed memfd, or the enter.plan of a running server. NULL: `*number` is the errno. */
void *read_sealed(int descriptor, size_t *size, int *number);
void *read_enter_plan(const char *server, size_t *size, int *number);

/* In place of this program on disk, goes on in a sealed copy of it. Returns only when that failed: errno; or 0 in the copy. */
int become_copy(char **argv);
#endif
