/* The last steps: the environment, and the program itself. */
#define _GNU_SOURCE
#include "launch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* The texts of a list and `more` (NULL-terminated or NULL) as one NULL-terminated vector. */
static char **vector(const struct argument *list, char **more)
{
	size_t extra = 0;
	while (more != NULL && more[extra] != NULL)
		extra++;
	char **all = calloc(list->count + extra + 1, sizeof *all);
	if (all == NULL)
		return NULL;
	const char *text = list->text;
	for (size_t index = 0; index < list->count; index++) {
		all[index] = (char *)text;
		if (index + 1 < list->count)
			text = plan_following(text);
	}
	for (size_t index = 0; index < extra; index++)
		all[list->count + index] = more[index];
	return all;
}

STEP(environment)
{
	char **variables = vector(&a[0], NULL);
	if (variables == NULL)
		return ENOMEM;
	environ = variables;
	return 0;
}

CALL(setenv, setenv(a[0].text, a[1].text, 1))
CALL(unsetenv, unsetenv(a[0].text))

/* execve(2), and as execvp(3) does, /bin/sh for a text that names no interpreter. */
static int execute(const char *path, char **arguments)
{
	execve(path, arguments, environ);
	if (errno != ENOEXEC)
		return errno;
	size_t count = 0;
	while (arguments[count] != NULL)
		count++;
	char **script = calloc(count + 2, sizeof *script);
	if (script == NULL)
		return ENOMEM;
	script[0] = "/bin/sh";
	script[1] = (char *)path;
	memcpy(script + 2, arguments + 1, count * sizeof *script);
	execve(script[0], script, environ);
	int number = errno;
	free(script);
	return number;
}

/* Tries each directory of PATH; the answer is EACCES rather than ENOENT when one held something it may not execute. */
static int search(const char *file, char **arguments)
{
	const char *directory = getenv("PATH");
	int answer = ENOENT;
	if (directory == NULL)
		directory = "/usr/local/bin:/usr/bin:/bin";
	for (const char *end;; directory = end + 1) {
		end = strchrnul(directory, ':');
		char path[4096];
		int length = snprintf(path, sizeof path, "%.*s%s%s", (int)(end - directory), directory,
				      end > directory ? "/" : "", file);
		if (length < (int)sizeof path) {
			int number = execute(path, arguments);
			if (number == EACCES)
				answer = EACCES;
			else if (number != ENOENT && number != ENOTDIR)
				return number;
		}
		if (*end == '\0')
			return answer;
	}
}

STEP(exec)
{
	char **arguments = vector(&a[1], a[2].number != 0 ? run->words : NULL);
	if (arguments == NULL)
		return ENOMEM;
	const char *file = a[0].length > 0 ? a[0].text : arguments[0];
	int number = file == NULL || *file == '\0' ? ENOENT
		     : strchr(file, '/') != NULL   ? execute(file, arguments)
						   : search(file, arguments);
	free(arguments);
	return number;
}
