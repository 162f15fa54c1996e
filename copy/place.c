/* Finds the file of a request in its server's tree.
 *
 * The request's names were true when the kernel half wrote them down; the server has been free to rename and replace all of
 * them since. They are followed from the tree's root downwards, through directories that are no links and no mount points,
 * and what they lead to counts only when it is the inode that was asked for, has the mark, and several names. */
#define _GNU_SOURCE
#include "cowmgr.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static int open_name(int directory, const char *name, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	return (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
}

static const char *name_of(const struct vs_copy *request, uint32_t at)
{
	const char *name = (const char *)request->names + at * VS_COPY_NAME;
	return memchr(name, '\0', VS_COPY_NAME) == NULL ? "" : name;
}

/* How many names there are below the tree's root; 0 when it is not among the directories. */
static uint32_t names_below(const struct vs_copy *request, uint64_t root)
{
	for (uint32_t at = 1; at < request->depth && at < VS_COPY_DEPTH; at++)
		if (request->inodes[at] == root)
			return at;
	return 0;
}

static int open_root(const struct vs_copy *request, struct stat *status)
{
	const char *path = (const char *)request->root;
	if (memchr(path, '\0', sizeof request->root) == NULL) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int root = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return root < 0 || fstat(root, status) < 0 ? -1 : root;
}

/* Opened without a look at first, a device or a pipe that has taken the name would be used by that. */
static int open_for_reading(int directory, const char *name, const struct vs_copy *request, struct stat *status)
{
	char path[64];
	int found = open_name(directory, name, 0);
	if (found < 0 || fstat(found, status) < 0 || !S_ISREG(status->st_mode) ||
	    status->st_ino != request->inodes[0]) {
		if (found >= 0)
			close(found);
		errno = ENOENT;
		return -1;
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", found);
	int file = open(path, O_RDONLY | O_NOATIME | O_NONBLOCK | O_CLOEXEC);
	close(found);
	return file;
}

int find_place(const struct vs_copy *request, struct place *place)
{
	struct stat root;
	int directory = open_root(request, &root);
	if (directory < 0)
		return errno;
	uint32_t names = names_below(request, root.st_ino);
	if (names == 0)
		return ENOENT;
	for (uint32_t at = names - 1; at > 0; at--) {
		int next = open_name(directory, name_of(request, at), O_DIRECTORY);
		if (next < 0)
			return ENOENT;
		close(directory);
		directory = next;
	}
	place->directory = directory;
	place->name = name_of(request, 0);
	place->file = open_for_reading(directory, place->name, request, &place->status);
	if (place->file < 0)
		return errno;
	if (place->status.st_nlink < 2 || fgetxattr(place->file, VS_UNIFIED_MARK, NULL, 0) < 0)
		return ENOENT;
	return 0;
}
