/* A plan in memory: decoding it never reads outside its bytes, and never changes or copies them. */
#ifndef LAUNCH_PLAN_H
#define LAUNCH_PLAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "plan_ops.h"

#define FAILURE(number, name, words) name = number,
enum plan_failure { PLAN_FAILURES(FAILURE) };
#undef FAILURE

/* One argument: a number, a NUL-terminated text of `length` bytes, or a list whose first text is at `text`. */
struct argument {
	int64_t number;
	const char *text;
	size_t length;
	size_t count;
};

struct step {
	unsigned operation;
	bool ignore;
	/* What to say when it fails, and what the reader can do about it. */
	struct argument failure;
	struct argument ways_out;
	struct argument arguments[PLAN_MAX_ARGUMENTS];
};

struct plan {
	uint32_t steps;
	uint32_t exit_status;
	int32_t report;
	/* The bytes not yet read. */
	const unsigned char *at;
	const unsigned char *end;
};

/* Reads the header and checks every step. False: these bytes are no plan. */
bool plan_open(struct plan *plan, const void *bytes, size_t size);

/* Reads the next step of a plan that plan_open accepted. False: there is none. */
bool plan_next(struct plan *plan, struct step *step);

/* The text after `text` in its list. */
const char *plan_following(const char *text);

/* The way out for this errno, or NULL. */
const char *plan_way_out(const struct step *step, int number);
#endif
