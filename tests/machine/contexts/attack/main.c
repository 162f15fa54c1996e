/* attack TOPIC PID TID [PROC]: makes every attempt of a topic on a process and prints `name: ok` or its errno.
 * attack received PID TID SOCKET, attack held PID TID FIFO: the attempts of passed.c, on what comes through the socket, or
 *   was opened before the process was told to enter a context.
 * attack victim FIFO [one], condition PID TID, crowd N, scenes, terminal [foreign], fuzz SEED CHILDREN: see the files of
 *   these names; call …, life, forks N: see trials.c; hand FILE: see unified.c. */
#include "attack.h"

static const struct topic topics[] = {
	{"signals", signals}, {"tracing", tracing},     {"limits", limits}, {"identity", identity}, {"sigio", sigio},
	{"clocks", clocks},   {"processes", processes}, {"strict", strict}, {"ring", ring},
	{"ipc", ipc},	       {"events", events},
	{"pins", pins},	      {"machine", machine}, {"unified", unified},
};

void report(const char *name, int result)
{
	printf("%s: %s\n", name, result == 0 ? "ok" : strerrorname_np(-result));
}

static int attempt_all(const struct attempt *attempts, const struct target *target)
{
	for (const struct attempt *one = attempts; one->name != NULL; one++)
		report(one->name, one->make(target));
	return 0;
}

static int attempt_passed(struct target *target, int result)
{
	if (result == 0)
		return attempt_all(passed, target);
	report("descriptors", result);
	return 1;
}

static int run_victim(int argc, char **argv)
{
	return victim(argv[0], argc > 1 ? 1 : 2);
}

static int run_condition(int argc, char **argv)
{
	(void)argc;
	return show_condition(atoi(argv[0]), atoi(argv[1]));
}

static int run_crowd(int argc, char **argv)
{
	(void)argc;
	return crowd(atoi(argv[0]));
}

static int run_scenes(int argc, char **argv)
{
	(void)argc, (void)argv;
	return scenes();
}

static int run_terminal(int argc, char **argv)
{
	(void)argv;
	return terminal(argc > 0);
}

static int run_life(int argc, char **argv)
{
	(void)argv;
	return life(argc);
}

static int run_forks(int argc, char **argv)
{
	(void)argc;
	return forks(atoi(argv[0]));
}

static int run_fuzz(int argc, char **argv)
{
	(void)argc;
	return fuzz((unsigned int)atoi(argv[0]), atoi(argv[1]));
}

static int run_hand(int argc, char **argv)
{
	(void)argc;
	return hand(argv[0]);
}

static const struct {
	const char *name;
	int words;
	int (*run)(int argc, char **argv);
} programs[] = {
	{"victim", 1, run_victim}, {"condition", 2, run_condition}, {"crowd", 1, run_crowd},
	{"scenes", 0, run_scenes}, {"terminal", 0, run_terminal},   {"call", 1, make_call},
	{"life", 0, run_life},	   {"forks", 1, run_forks},	    {"fuzz", 2, run_fuzz},
	{"hand", 1, run_hand},
};

int main(int argc, char **argv)
{
	struct target target = {.pidfd = -1, .directory = -1, .proc = argc > 4 ? argv[4] : "/proc"};
	const char *word = argc > 1 ? argv[1] : "";

	setlinebuf(stdout);
	for (size_t at = 0; at < sizeof programs / sizeof *programs; at++)
		if (strcmp(word, programs[at].name) == 0 && argc - 2 >= programs[at].words)
			return programs[at].run(argc - 2, argv + 2);
	if (argc < 4)
		return 2;
	target.pid = atoi(argv[2]);
	target.tid = atoi(argv[3]);
	if (strcmp(word, "received") == 0 && argc > 4)
		return attempt_passed(&target, receive_descriptors(&target, argv[4]));
	if (strcmp(word, "held") == 0 && argc > 4)
		return attempt_passed(&target, hold_descriptors(&target, argv[4]));
	for (size_t at = 0; at < sizeof topics / sizeof *topics; at++)
		if (strcmp(word, topics[at].name) == 0)
			return attempt_all(topics[at].attempts, &target);
	return 2;
}
