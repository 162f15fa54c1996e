/* Decodes plans. Whatever the bytes are, nothing outside them is read: every length is checked before it is used. */
#include "plan.h"
#include <string.h>

#define SIGNATURE(number, name, signature) [number] = signature,
static const char *const signatures[] = { PLAN_OPERATIONS(SIGNATURE) };
enum { OPERATIONS = sizeof signatures / sizeof *signatures };

static bool take(struct plan *plan, void *into, size_t size)
{
	if ((size_t)(plan->end - plan->at) < size)
		return false;
	memcpy(into, plan->at, size);
	plan->at += size;
	return true;
}

/* Bytes with their length before and a NUL after them; a text has no other NUL. */
static bool take_bytes(struct plan *plan, struct argument *into, bool text)
{
	uint32_t length;
	if (!take(plan, &length, sizeof length) || (size_t)(plan->end - plan->at) <= length)
		return false;
	if (plan->at[length] != '\0' || (text && memchr(plan->at, '\0', length) != NULL))
		return false;
	into->text = (const char *)plan->at;
	into->length = length;
	plan->at += (size_t)length + 1;
	return true;
}

/* A list of texts, each after a number when `numbered`. */
static bool take_list(struct plan *plan, struct argument *into, bool numbered)
{
	uint32_t count, number;
	if (!take(plan, &count, sizeof count))
		return false;
	into->count = count;
	into->text = NULL;
	for (uint32_t index = 0; index < count; index++) {
		struct argument one;
		if ((numbered && !take(plan, &number, sizeof number)) || !take_bytes(plan, &one, true))
			return false;
		if (index == 0)
			into->text = one.text;
	}
	return true;
}

static bool take_argument(struct plan *plan, struct argument *into, char kind)
{
	switch (kind) {
	case 'i':
		return take(plan, &into->number, sizeof into->number);
	case 's':
		return take_bytes(plan, into, true);
	case 'b':
		return take_bytes(plan, into, false);
	default:
		return take_list(plan, into, false);
	}
}

bool plan_next(struct plan *plan, struct step *step)
{
	uint16_t operation, flags;
	memset(step, 0, sizeof *step);
	if (!take(plan, &operation, sizeof operation) || !take(plan, &flags, sizeof flags))
		return false;
	if (operation >= OPERATIONS || (flags & ~PLAN_IGNORE) != 0)
		return false;
	step->operation = operation;
	step->ignore = flags & PLAN_IGNORE;
	if (!take_bytes(plan, &step->failure, true) || !take_list(plan, &step->ways_out, true))
		return false;
	const char *kind = signatures[operation];
	for (struct argument *into = step->arguments; *kind != '\0'; kind++, into++)
		if (!take_argument(plan, into, *kind))
			return false;
	return true;
}

bool plan_open(struct plan *plan, const void *bytes, size_t size)
{
	uint32_t magic, version;
	plan->at = bytes;
	plan->end = plan->at + size;
	if (!take(plan, &magic, sizeof magic) || magic != PLAN_MAGIC)
		return false;
	if (!take(plan, &version, sizeof version) || version != PLAN_VERSION)
		return false;
	if (!take(plan, &plan->steps, sizeof plan->steps) || !take(plan, &plan->exit_status, sizeof plan->exit_status))
		return false;
	if (!take(plan, &plan->report, sizeof plan->report))
		return false;
	struct plan rest = *plan;
	struct step step;
	for (uint32_t index = 0; index < plan->steps; index++)
		if (!plan_next(&rest, &step))
			return false;
	return rest.at == rest.end;
}

const char *plan_following(const char *text)
{
	return text + strlen(text) + 1 + sizeof(uint32_t);
}

const char *plan_way_out(const struct step *step, int number)
{
	const char *text = step->ways_out.text;
	for (size_t index = 0; index < step->ways_out.count; index++) {
		if (index > 0)
			text = plan_following(text) + sizeof(uint32_t);
		uint32_t reason;
		memcpy(&reason, text - 2 * sizeof(uint32_t), sizeof reason);
		if (reason == 0 || reason == (uint32_t)number)
			return text;
	}
	return NULL;
}
