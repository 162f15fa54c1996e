/* Texts that carry the context id, and the errno of system calls. */
#include "launch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int outcome(long result)
{
	return result < 0 ? errno : 0;
}

int write_text(const struct run *run, int descriptor, const char *text)
{
	static const char mark[] = "{xid}";
	/* An id has at most ten digits, twice the mark's length. */
	char *copy = malloc(2 * strlen(text) + 1);
	if (copy == NULL)
		return ENOMEM;
	char *to = copy;
	for (const char *found; (found = strstr(text, mark)) != NULL; text = found + sizeof mark - 1) {
		memcpy(to, text, found - text);
		to += found - text;
		to += sprintf(to, "%u", run->xid);
	}
	strcpy(to, text);
	size_t length = strlen(copy);
	ssize_t written = write(descriptor, copy, length);
	int number = written < 0 ? errno : (size_t)written < length ? ENOSPC : 0;
	free(copy);
	return number;
}
