/* Gives a name in a server's tree to a copy in one step, as src/unify/replace.ts does, and by the same rule: whatever comes out
 * of the exchange and is not what was copied goes back.
 *
 * The other place of the exchange is a directory beside the server's tree that no server reaches. A name there tells both
 * inodes that it may stand for; what a killed cowmgr left under one is spare when it is one of the two, else it is kept. */
#define _GNU_SOURCE
#include "cowmgr.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

/* A server that replaces the same name all the time is given up on after so many rounds. */
enum { MOST_ROUNDS = 1000, NAME_SIZE = 64 };

static int rename_with(int from, const char *name, int to, const char *other, unsigned flags)
{
	return (int)syscall(SYS_renameat2, from, name, to, other, flags);
}

static uint64_t inode_of(int directory, const char *name)
{
	struct stat status;
	return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : status.st_ino;
}

static int open_staging(const char *root, bool make)
{
	char path[VS_COPY_ROOT + 16];
	const char *end = strrchr(root, '/');
	if (end == NULL)
		return -1;
	snprintf(path, sizeof path, "%.*s/.cow", (int)(end - root), root);
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return -1;
	int staging = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (staging >= 0)
		fchmod(staging, 0700);
	return staging;
}

static void give_up(int staging, const char *name, uint64_t one, uint64_t other)
{
	char kept[NAME_SIZE + 300];
	uint64_t inode = inode_of(staging, name);
	if (inode == 0)
		return;
	if (inode == one || inode == other) {
		unlinkat(staging, name, 0);
		return;
	}
	snprintf(kept, sizeof kept, "kept-%" PRIu64 "-%s", inode, name);
	rename_with(staging, name, staging, kept, RENAME_NOREPLACE);
	syslog(LOG_WARNING, ".cow/%s beside the servers: a server replaced a file while it was copied; look at it", kept);
}

/* The name may be replaced again while this goes on: the youngest file must have it in the end. If the name has been removed,
 * what we hold would be gone as well. */
static void put_back(int staging, const char *spare, const struct place *place, uint64_t ours)
{
	for (int round = 0; round < MOST_ROUNDS; round++) {
		if (rename_with(staging, spare, place->directory, place->name, RENAME_EXCHANGE) < 0) {
			if (errno == ENOENT)
				unlinkat(staging, spare, 0);
			return;
		}
		uint64_t taken = inode_of(staging, spare);
		if (taken == ours || taken == 0)
			return;
		ours = taken;
	}
}

int swap(const struct vs_copy *request, const struct place *place, int copy)
{
	char spare[NAME_SIZE], path[64];
	struct stat status;
	int staging = open_staging((const char *)request->root, true), error = 0;
	if (staging < 0 || fstat(copy, &status) < 0)
		return errno;
	uint64_t ours = status.st_ino, theirs = place->status.st_ino;
	snprintf(spare, sizeof spare, "%" PRIu64 "-%" PRIu64, theirs, ours);
	snprintf(path, sizeof path, "/proc/self/fd/%d", copy);
	if (linkat(AT_FDCWD, path, staging, spare, AT_SYMLINK_FOLLOW) < 0)
		return errno;
	if (rename_with(staging, spare, place->directory, place->name, RENAME_EXCHANGE) < 0)
		error = errno;
	else if (inode_of(staging, spare) != theirs) {
		put_back(staging, spare, place, ours);
		error = EAGAIN;
	}
	give_up(staging, spare, ours, theirs);
	close(staging);
	return error;
}

void clean_beside(const char *root)
{
	int staging = open_staging(root, false);
	DIR *names = staging < 0 ? NULL : fdopendir(staging);
	uint64_t one, other;
	char rest;

	if (names == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(names)) != NULL;)
		if (sscanf(entry->d_name, "%" SCNu64 "-%" SCNu64 "%c", &one, &other, &rest) == 2)
			give_up(staging, entry->d_name, one, other);
	closedir(names);
}
