/* Makes a file like another one: content with its holes, owner, mode, attributes, access lists, flags and times.
 *
 * It is made in the directory where it will stand, so that it belongs to the server's quota project, and it is written with
 * the owner's quota and without the reserve that the file system keeps for root, unless root asked. */
#define _GNU_SOURCE
#include "cowmgr.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Flags of chattr(1) that a file takes along. Of the others vunify leaves files alone, or the kernel sets them. */
#define KEPT_FLAGS (FS_SYNC_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_COMPR_FL | FS_NOCOMP_FL)

static bool copy_range(int from, int to, off_t at, off_t end)
{
	static char block[1 << 16];
	while (at < end) {
		size_t most = end - at < (off_t)sizeof block ? (size_t)(end - at) : sizeof block;
		ssize_t got = pread(from, block, most, at);
		if (got < 0)
			return false;
		if (got == 0)
			break;
		for (ssize_t put = 0; put < got;) {
			ssize_t one = pwrite(to, block + put, (size_t)(got - put), at + put);
			if (one < 0)
				return false;
			put += one;
		}
		at += got;
	}
	return true;
}

static bool copy_content(int from, int to, off_t size)
{
	if (size == 0 || ioctl(to, FICLONE, from) == 0)
		return true;
	if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
		return false;
	if (ftruncate(to, size) < 0)
		return false;
	for (off_t at = 0; at < size;) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return true;
		if (data < 0)
			return copy_range(from, to, at, size);
		off_t hole = lseek(from, data, SEEK_HOLE);
		off_t end = hole < 0 || hole > size ? size : hole;
		if (!copy_range(from, to, data, end))
			return false;
		at = end;
	}
	return true;
}

/* The attribute's names, one after the other; NULL with errno. */
static char *names_of(int file, ssize_t *length)
{
	char *names = malloc(XATTR_LIST_MAX);
	*length = names == NULL ? -1 : flistxattr(file, names, XATTR_LIST_MAX);
	if (*length >= 0)
		return names;
	if (names != NULL && errno == EOPNOTSUPP) {
		*length = 0;
		return names;
	}
	free(names);
	return NULL;
}

static bool copy_attribute(int from, int to, const char *name)
{
	static char value[XATTR_SIZE_MAX];
	ssize_t size = fgetxattr(from, name, value, sizeof value);
	return size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) == 0;
}

/* A directory's default access list, and what a security module has given to the new file, are not the file's own. */
static bool copy_attributes(int from, int to)
{
	ssize_t length, given;
	char *names = names_of(from, &length), *surplus = names_of(to, &given);
	bool done = names != NULL && surplus != NULL;
	for (char *at = surplus; done && at < surplus + given; at += strlen(at) + 1)
		if (fgetxattr(from, at, NULL, 0) < 0 && strcmp(at, "security.selinux") != 0)
			done = fremovexattr(to, at) == 0 || errno == ENODATA;
	for (char *at = names; done && at < names + length; at += strlen(at) + 1)
		if (strcmp(at, VS_UNIFIED_MARK) != 0)
			done = copy_attribute(from, to, at);
	free(names);
	free(surplus);
	return done;
}

static bool copy_flags(int from, int to)
{
	int flags, own;
	if (ioctl(from, FS_IOC_GETFLAGS, &flags) < 0 || ioctl(to, FS_IOC_GETFLAGS, &own) < 0)
		return errno == ENOTTY || errno == EOPNOTSUPP;
	int wanted = (own & ~KEPT_FLAGS) | (flags & KEPT_FLAGS);
	return wanted == own || ioctl(to, FS_IOC_SETFLAGS, &wanted) == 0;
}

static bool is_unchanged(int file, const struct stat *before)
{
	struct stat now;
	if (fstat(file, &now) < 0)
		return false;
	errno = EAGAIN;
	return now.st_size == before->st_size && now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec && now.st_mode == before->st_mode &&
	       now.st_uid == before->st_uid && now.st_gid == before->st_gid;
}

static bool fill(int copy, const struct place *place, uid_t user)
{
	const struct stat *status = &place->status;
	const struct timespec times[] = { status->st_atim, status->st_mtim };

	if (fchown(copy, status->st_uid, status->st_gid) < 0)
		return false;
	setfsuid(user);
	bool copied = copy_content(place->file, copy, status->st_size);
	int error = errno;
	setfsuid(0);
	errno = error;
	return copied && fchmod(copy, status->st_mode & 07777) == 0 && copy_attributes(place->file, copy) &&
	       copy_flags(place->file, copy) && is_unchanged(place->file, status) && futimens(copy, times) == 0 &&
	       fsync(copy) == 0;
}

int duplicate(const struct place *place, uid_t user)
{
	int copy = openat(place->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (copy < 0 || fill(copy, place, user))
		return copy;
	int error = errno;
	close(copy);
	errno = error;
	return -1;
}
