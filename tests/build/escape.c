/*
 * What the script of a hostile package tries beyond a shell's means: each line it prints is a success. Arguments: a file
 * of the machine that is not in the tree, a program that others have too, and the place of the tree once its root is left.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void won(int success, const char *what)
{
	if (success)
		puts(what);
}

static const char *in(const char *place, const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", place, name);
	return path;
}

/* The way out of a chroot(2) for whoever may call it. */
static void leave_root(void)
{
	mkdir("/jail", 0700);
	if (chdir("/") < 0 || chroot("/jail") < 0)
		return;
	for (int step = 0; step < 64; step++)
		if (chdir("..") < 0)
			break;
	if (chroot(".") < 0)
		puts("(cannot leave the first root)");
}

int main(int count, char **words)
{
	if (count != 4)
		return 2;
	const char *secret = words[1], *program = words[2], *place = words[3];
	leave_root();
	int outside = access("/tree", F_OK) == 0;
	won(outside, "(outside of the tree)");
	won(open(secret, O_RDONLY) >= 0, "read a file of the machine");
	won(open(program, O_WRONLY) >= 0, "opened a program of the machine for writing");
	won(outside && creat("/made", 0600) >= 0, "made a file beside the tree");
	won(mount("", "/usr", "", MS_REMOUNT | MS_BIND, "") == 0, "made the programs writable");
	won(mount("none", place, "tmpfs", 0, "") == 0, "mounted");
	won(umount2(in(place, "proc"), MNT_DETACH) == 0, "unmounted");
	won(mknod(in(place, "disk"), S_IFBLK | 0600, makedev(8, 0)) == 0, "made a device");
	won(mknod(in(place, "dev/disk"), S_IFBLK | 0600, makedev(8, 0)) == 0, "made a device in /dev");
	won(sethostname("evil", 4) == 0, "renamed the machine");
	won(unshare(CLONE_NEWNS) == 0, "made a mount namespace");
	char handle[sizeof(struct file_handle) + 8];
	memset(handle, 0, sizeof handle);
	((struct file_handle *)handle)->handle_bytes = 8;
	((struct file_handle *)handle)->handle_type = 1;
	*(unsigned *)((struct file_handle *)handle)->f_handle = 2;
	int tree = open(place, O_RDONLY);
	won(open_by_handle_at(tree, (struct file_handle *)handle, O_RDONLY) >= 0, "opened a file by its handle");
	return 0;
}
