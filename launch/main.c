/*
 * launch FD [WORD...]: performs the plan in the sealed memfd FD, step by step; nothing of it stays behind.
 * vexec NAME COMMAND [ARG...]: the same with the plan a running virtual server keeps for those who enter it.
 */
#define _GNU_SOURCE
#include "launch.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	perform *perform;
} operations[] = {
#define ROW(number, name, signature) [number] = { #name, step_##name },
	PLAN_OPERATIONS(ROW)
};

static const char *words_of(int number)
{
	switch (number) {
#define CASE(number, name, words) \
	case number: \
		return words;
		PLAN_FAILURES(CASE)
	default:
		return strerror(number);
	}
}

/* One line on standard error, in one write: OBJECT: cannot ATTEMPT: CAUSE; WAY OUT. */
static void say(const char *text, int number, const char *way_out)
{
	const char *words = words_of(number);
	bool word = isupper((unsigned char)words[0]) && islower((unsigned char)words[1]);
	char line[4096];
	int length = snprintf(line, sizeof line, "%s: %c%s%s%s", text, word ? tolower((unsigned char)*words) : *words,
			      words + 1, way_out != NULL ? "; " : "", way_out != NULL ? way_out : "");
	if (length >= (int)sizeof line)
		length = sizeof line - 1;
	line[length] = '\n';
	(void)!write(STDERR_FILENO, line, length + 1);
}

static int refuse(const char *object, const char *attempt, int number, const char *way_out)
{
	char text[512];
	snprintf(text, sizeof text, "%s: cannot %s", object, attempt);
	say(text, number, way_out);
	return 255;
}

static int fail(struct run *run, const struct step *step, int number)
{
	if (run->plan.report >= 0) {
		struct {
			uint32_t step;
			int32_t number;
		} report = { run->index, number };
		(void)!write(run->plan.report, &report, sizeof report);
	} else if (step->failure.length > 0) {
		say(step->failure.text, number, plan_way_out(step, number));
	} else {
		char text[64];
		snprintf(text, sizeof text, "launch: cannot %s (step %u)", operations[step->operation].name, run->index);
		say(text, number, NULL);
	}
	unsigned char status = run->plan.exit_status;
	if (run->waiting >= 0)
		(void)!write(run->waiting, &status, 1);
	return status;
}

static int perform_plan(struct run *run)
{
	struct step step;
	for (; run->index < run->plan.steps && plan_next(&run->plan, &step); run->index++) {
		int number = operations[step.operation].perform(run, step.arguments);
		if (number != 0 && !step.ignore)
			return fail(run, &step, number);
	}
	return 0;
}

static int start(const char *object, void *bytes, size_t size, char **words)
{
	struct run run = { .words = words, .context = -1, .waiting = -1, .group = -1 };
	memset(run.slots, -1, sizeof run.slots);
	if (!plan_open(&run.plan, bytes, size))
		return refuse(object, "read the plan", EBADMSG, "it must be written by the same version");
	if (run.plan.report >= 0 && fcntl(run.plan.report, F_SETFD, FD_CLOEXEC) < 0)
		return refuse(object, "use the report descriptor", errno, NULL);
	return perform_plan(&run);
}

static int enter(int argc, char **argv)
{
	if (argc < 3) {
		fputs("vexec: a server and a command are needed; usage: vexec NAME COMMAND [ARG...]\n", stderr);
		return 255;
	}
	char object[128];
	snprintf(object, sizeof object, "vexec: server %s", argv[1]);
	size_t size;
	int number;
	void *bytes = geteuid() == 0 ? read_enter_plan(argv[1], &size, &number) : (number = EPERM, NULL);
	if (bytes != NULL)
		return start(object, bytes, size, argv + 2);
	const char *way_out = number == ENOENT ? "start it with: vserver NAME start"
			      : number == EINVAL ? "a name is letters, digits, dot, dash and underscore"
			      : geteuid() != 0   ? "only root may enter a server"
						 : "its plan and the directories above must be root's alone; restart it";
	return refuse(object, "enter", number, way_out);
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argc > 0 ? argv[0] : "", '/');
	const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
	int number = become_copy(argv);
	if (number != 0)
		return refuse("launch", "copy itself into memory", number, "vm.memfd_noexec must not be 2");
	if (strcmp(name, "vexec") == 0)
		return enter(argc, argv);
	char *end = NULL;
	long descriptor = argc > 1 ? strtol(argv[1], &end, 10) : -1;
	if (descriptor < 0 || descriptor > INT32_MAX || end == argv[1] || *end != '\0') {
		fputs("launch: the tools of vserver run this; it needs the descriptor of a plan\n", stderr);
		return 255;
	}
	size_t size;
	void *bytes = read_sealed((int)descriptor, &size, &number);
	if (bytes == NULL)
		return refuse("launch", "read the plan", number, "it must be a sealed memfd");
	close((int)descriptor);
	return start("launch", bytes, size, argv + 2);
}
