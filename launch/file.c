/* Steps on the file tree: mounts, roots, nodes, and the descriptors kept in slots. */
#define _GNU_SOURCE
#include "launch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int *slot(struct run *run, int64_t number)
{
	return number >= 0 && number < SLOTS ? &run->slots[number] : NULL;
}

/* Puts a descriptor, or the failure to get one, into a slot. */
static int keep(struct run *run, int64_t number, long descriptor)
{
	int *place = slot(run, number);
	if (descriptor < 0)
		return errno;
	if (place == NULL) {
		close((int)descriptor);
		return EBADF;
	}
	if (*place >= 0)
		close(*place);
	*place = (int)descriptor;
	return 0;
}

STEP(open)
{
	return keep(run, a[0].number, open(a[1].text, (int)a[2].number | O_CLOEXEC, 0600));
}

CALL(mount, mount(a[0].text, a[1].text, a[2].text, (unsigned long)a[3].number, a[4].text))
CALL(umount, umount2(a[0].text, (int)a[1].number))

STEP(pivot_root)
{
	if (chdir(a[0].text) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return errno;
	return outcome(umount2(".", MNT_DETACH) < 0 ? -1 : chdir("/"));
}

CALL(chroot, chroot(a[0].text))
CALL(chdir, chdir(a[0].text))

STEP(mkdir)
{
	mode_t mask = umask(0);
	int number = outcome(mkdir(a[0].text, (mode_t)a[1].number));
	umask(mask);
	return number == EEXIST ? 0 : number;
}

STEP(mknod)
{
	mode_t mask = umask(0);
	int number = outcome(mknod(a[0].text, (mode_t)a[1].number, (dev_t)a[2].number));
	umask(mask);
	return number;
}

CALL(symlink, symlink(a[0].text, a[1].text))

STEP(rename)
{
	int *place = slot(run, a[0].number);
	return place == NULL ? EBADF : outcome(renameat(*place, a[1].text, *place, a[2].text));
}

STEP(write)
{
	int descriptor = open(a[0].text, O_WRONLY | O_CLOEXEC | (int)a[2].number, (mode_t)a[3].number);
	if (descriptor < 0)
		return errno;
	int number = write_text(run, descriptor, a[1].text);
	close(descriptor);
	return number;
}

STEP(write_slot)
{
	int *place = slot(run, a[0].number);
	return place == NULL ? EBADF : write_text(run, *place, a[1].text);
}

STEP(print)
{
	return write_text(run, (int)a[0].number, a[1].text);
}

static int attach(int tree, const char *target)
{
	return outcome(syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH));
}

STEP(bind)
{
	int *place = slot(run, a[0].number);
	if (place == NULL)
		return EBADF;
	int tree = (int)syscall(SYS_open_tree, *place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return errno;
	int number = attach(tree, a[1].text);
	close(tree);
	return number;
}

STEP(clone_tree)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (a[2].number != 0 ? AT_RECURSIVE : 0);
	return keep(run, a[0].number, syscall(SYS_open_tree, AT_FDCWD, a[1].text, flags));
}

STEP(attach)
{
	int *place = slot(run, a[0].number);
	return place == NULL ? EBADF : attach(*place, a[1].text);
}
