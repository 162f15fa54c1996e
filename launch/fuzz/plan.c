/*
 * plan SEED ROUNDS < PLAN: decodes mutations of a plan, each in memory of exactly its size, reading every byte it yields.
 * Prints how many were accepted and refused; the sanitizers end it at the first read outside.
 */
#include "plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint32_t draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % below;
}

static void insist(bool held)
{
	if (!held)
		abort();
}

static void read_list(const struct argument *list, const char *text)
{
	for (size_t index = 0; index < list->count; index++, text = index < list->count ? plan_following(text) : text)
		insist(strlen(text) <= PLAN_LIMIT);
}

static void read_plan(struct plan *plan)
{
	static const char *const signatures[] = {
#define SIGNATURE(number, name, signature) [number] = signature,
		PLAN_OPERATIONS(SIGNATURE)
	};
	struct step step;
	for (uint32_t index = 0; index < plan->steps; index++) {
		insist(plan_next(plan, &step));
		insist(strlen(step.failure.text) == step.failure.length);
		for (int number = 0; number < 140; number++) {
			const char *way_out = plan_way_out(&step, number);
			insist(way_out == NULL || strlen(way_out) <= PLAN_LIMIT);
		}
		const char *signature = signatures[step.operation];
		for (size_t at = 0; signature[at] != '\0'; at++) {
			const struct argument *one = &step.arguments[at];
			if (signature[at] == 's')
				insist(strlen(one->text) == one->length);
			else if (signature[at] == 'b')
				insist(one->text[one->length] == '\0');
			else if (signature[at] == 'v')
				read_list(one, one->text);
		}
	}
	insist(plan->at == plan->end);
}

static size_t mutate(unsigned char *bytes, size_t size)
{
	static const uint32_t edges[] = { 0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
	switch (draw(5)) {
	case 0:
		return draw((uint32_t)size + 1);
	case 1:
		for (size_t at = 0; at < size; at++)
			bytes[at] = (unsigned char)draw(256);
		return size;
	case 2:
		if (size >= 4)
			memcpy(bytes + draw((uint32_t)size - 3), &edges[draw(sizeof edges / sizeof *edges)], 4);
		return size;
	default:
		for (uint32_t count = 1 + draw(4); count > 0; count--)
			bytes[draw((uint32_t)size)] ^= (unsigned char)(1u << draw(8));
		return size;
	}
}

int main(int argc, char **argv)
{
	static unsigned char original[PLAN_LIMIT];
	size_t size = fread(original, 1, sizeof original, stdin);
	insist(argc == 3 && size > 0);
	state = strtoull(argv[1], NULL, 10) | 1;
	unsigned long rounds = strtoul(argv[2], NULL, 10), accepted = 0;
	for (unsigned long round = 0; round < rounds; round++) {
		unsigned char *scratch = malloc(size);
		memcpy(scratch, original, size);
		/* Round 0 is the plan as it was written. */
		size_t length = round == 0 ? size : mutate(scratch, size);
		unsigned char *exact = malloc(length);
		memcpy(exact, scratch, length);
		free(scratch);
		struct plan plan;
		if (plan_open(&plan, exact, length)) {
			accepted++;
			read_plan(&plan);
		} else
			insist(round > 0);
		free(exact);
	}
	printf("accepted %lu refused %lu\n", accepted, rounds - accepted);
	return 0;
}
