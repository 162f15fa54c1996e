/* Reads plans only from where nobody but their writer can have changed them. */
#define _GNU_SOURCE
#include "launch.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *read_all(int descriptor, size_t *size, int *number)
{
	struct stat about;
	char *bytes = NULL;
	if (fstat(descriptor, &about) < 0)
		*number = errno;
	else if (about.st_size <= 0)
		*number = EBADMSG;
	else if (about.st_size > PLAN_LIMIT)
		*number = EFBIG;
	else if ((bytes = malloc(about.st_size)) == NULL)
		*number = ENOMEM;
	else if (pread(descriptor, bytes, about.st_size, 0) != about.st_size) {
		*number = EIO;
		free(bytes);
		bytes = NULL;
	} else
		*size = about.st_size;
	return bytes;
}

void *read_sealed(int descriptor, size_t *size, int *number)
{
	const int needed = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int seals = fcntl(descriptor, F_GET_SEALS);
	if (seals < 0 || (seals & needed) != needed) {
		*number = seals < 0 ? errno : EPERM;
		return NULL;
	}
	return read_all(descriptor, size, number);
}

/* [A-Za-z0-9][A-Za-z0-9._-]* */
static bool is_name(const char *name)
{
	if (!isalnum((unsigned char)*name))
		return false;
	while (isalnum((unsigned char)*name) || (*name != '\0' && strchr("._-", *name) != NULL))
		name++;
	return *name == '\0';
}

/* Opens `name` in `directory` (which is closed), if root owns it and nobody else can write to it. */
static int open_owned(int directory, const char *name, int flags, int *number)
{
	struct stat about;
	int descriptor = openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC);
	*number = descriptor < 0 ? errno : 0;
	close(directory);
	if (descriptor < 0)
		return -1;
	if (fstat(descriptor, &about) < 0 || about.st_uid != 0 || (about.st_mode & 022) != 0) {
		*number = EACCES;
		close(descriptor);
		return -1;
	}
	return descriptor;
}

void *read_enter_plan(const char *server, size_t *size, int *number)
{
	const char *const path[] = { "run", "vserver", server };
	if (!is_name(server)) {
		*number = EINVAL;
		return NULL;
	}
	int at = open_owned(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, number);
	for (size_t index = 0; at >= 0 && index < sizeof path / sizeof *path; index++)
		at = open_owned(at, path[index], O_RDONLY | O_DIRECTORY, number);
	if (at >= 0)
		at = open_owned(at, "enter.plan", O_RDONLY | O_NONBLOCK, number);
	if (at < 0)
		return NULL;
	struct stat about;
	void *bytes = NULL;
	if (fstat(at, &about) < 0 || (about.st_mode & (S_IFMT | 07777)) != (S_IFREG | 0600) || about.st_nlink != 1)
		*number = EACCES;
	else
		bytes = read_all(at, size, number);
	close(at);
	return bytes;
}
