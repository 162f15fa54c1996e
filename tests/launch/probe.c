/*
 * probe call COMMAND [ARG...]: runs COMMAND as a caller with an unusual state would, and exits as it does.
 * probe show [ARG...]: prints everything a program has from its caller, so that two runs can be compared.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void show_bytes(const char *title, char **texts)
{
	for (; *texts != NULL; texts++) {
		printf("%s ", title);
		for (const char *byte = *texts; *byte != '\0'; byte++)
			printf("%02x", (unsigned char)*byte);
		puts("");
	}
}

static void show_lines(const char *path, const char *const *starts)
{
	char line[4096];
	FILE *file = fopen(path, "r");
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		for (const char *const *start = starts; *start != NULL; start++)
			if (strncmp(line, *start, strlen(*start)) == 0)
				fputs(line, stdout);
	if (file != NULL)
		fclose(file);
}

static void show_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		int descriptor = atoi(entry->d_name);
		char path[300], target[4096] = "";
		snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
		if (entry->d_name[0] == '.' || descriptor == dirfd(directory) || readlink(path, target, sizeof target - 1) < 0)
			continue;
		printf("fd %d %s flags %o %d\n", descriptor, target, fcntl(descriptor, F_GETFL), fcntl(descriptor, F_GETFD));
	}
	closedir(directory);
}

static int show(char **arguments)
{
	static const char *const status[] = { "Umask", "Uid", "Gid", "Groups", "Threads", "SigPnd", "ShdPnd", "SigBlk",
		"SigIgn", "SigCgt", "Cap", "NoNewPrivs", "Seccomp", "Cpus_allowed", NULL };
	static const char *const every[] = { "", NULL };
	char directory[4096];
	show_bytes("argument", arguments);
	show_bytes("environment", environ);
	show_lines("/proc/self/status", status);
	show_lines("/proc/self/limits", every);
	show_lines("/proc/self/oom_score_adj", every);
	show_lines("/proc/self/personality", every);
	show_lines("/proc/self/coredump_filter", every);
	show_descriptors();
	printf("directory %s nice %d slack %d\n", getcwd(directory, sizeof directory), getpriority(PRIO_PROCESS, 0),
	       prctl(PR_GET_TIMERSLACK));
	return 0;
}

static void be_unusual(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR2, SIGTSTP };
	const struct rlimit descriptors = { 900, 1000 }, core = { 0, 4096 };
	sigset_t blocked;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	for (size_t index = 0; index < sizeof ignored / sizeof *ignored; index++)
		signal(ignored[index], SIG_IGN);
	int null = open("/dev/null", O_RDONLY);
	int passwd = open("/etc/passwd", O_RDONLY | O_NONBLOCK);
	if (dup2(null, 63) < 0 || dup2(passwd, 251) < 0)
		exit(1);
	close(null);
	close(passwd);
	setrlimit(RLIMIT_NOFILE, &descriptors);
	setrlimit(RLIMIT_CORE, &core);
	umask(027);
	(void)!nice(3);
	(void)!chdir("/usr");
	prctl(PR_SET_TIMERSLACK, 70000);
	setenv("LATIN", "na\xefve \xff\xfe", 1);
	setenv("EMPTY", "", 1);
	setenv("BUN_LIKE", "a=b=c", 1);
}

static int call(char **command)
{
	int status;
	be_unusual();
	pid_t child = fork();
	if (child == 0) {
		execv(command[0], command);
		_exit(127);
	}
	signal(SIGCHLD, SIG_DFL);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "call") == 0)
		return call(argv + 2);
	return show(argv + (argc > 1 ? 2 : 1));
}
