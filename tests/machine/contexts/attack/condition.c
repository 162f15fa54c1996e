/* condition PID TID: prints what an attack could have changed of a process, and nothing that changes by itself. */
#include "attack.h"

#define IOPRIO_WHO_PROCESS 1

static const char *const lasting[] = {"State:",   "PPid:",   "TracerPid:", "Uid:", "SigPnd:", "ShdPnd:",
				      "SigBlk:",  "CapEff:", "CapBnd:",    "Cpus_allowed:", "Mems_allowed:", NULL};

static void show(int pid, int tid, const char *name, const char *const *starts)
{
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
	file = fopen(path, "r");
	if (file == NULL) {
		printf("%s: %s\n", name, strerrorname_np(errno));
		return;
	}
	while (fgets(line, sizeof line, file) != NULL) {
		if (starts == NULL)
			fputs(line, stdout);
		for (const char *const *start = starts; start != NULL && *start != NULL; start++)
			if (strncmp(line, *start, strlen(*start)) == 0)
				fputs(line, stdout);
	}
	fclose(file);
}

/* Fields of stat, counted from the state behind the name. */
static void show_fields(int pid, int tid)
{
	static const char wanted[] = {
		[2] = 1, [3] = 1, [4] = 1 /* parent, group, session */, [16] = 1, [17] = 1 /* priority, nice */, [39] = 1 /* policy */};
	char path[64], line[1024], *word, *rest;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
	file = fopen(path, "r");
	if (file == NULL || fgets(line, sizeof line, file) == NULL)
		return;
	fclose(file);
	word = strtok_r(strrchr(line, ')') + 2, " ", &rest);
	for (size_t at = 1; word != NULL; word = strtok_r(NULL, " ", &rest), at++)
		if (at < sizeof wanted && wanted[at])
			printf("stat %zu: %s\n", at, word);
}

int show_condition(int pid, int tid)
{
	int threads[] = {pid, tid};

	for (int at = 0; at < 2; at++) {
		show(pid, threads[at], "status", lasting);
		show_fields(pid, threads[at]);
		show(pid, threads[at], "comm", NULL);
		printf("ioprio: %ld\n", syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, threads[at]));
	}
	show(pid, pid, "limits", NULL);
	show(pid, pid, "oom_score_adj", NULL);
	return 0;
}
