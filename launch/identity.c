/* Steps that change who the process is: capabilities, users, groups, keys. Nothing here raises a capability. */
#define _GNU_SOURCE
#include "launch.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

STEP(bounding)
{
	uint64_t mask = (uint64_t)a[0].number;
	for (int bit = 0; bit < 64; bit++) {
		int present = prctl(PR_CAPBSET_READ, bit, 0, 0, 0);
		if (present < 0)
			break;
		if (present > 0 && !(mask >> bit & 1) && prctl(PR_CAPBSET_DROP, bit, 0, 0, 0) < 0)
			return errno;
	}
	return 0;
}

STEP(capabilities)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[2];
	if (syscall(SYS_capget, &header, sets) < 0)
		return errno;
	for (int half = 0; half < 2; half++) {
		sets[half].permitted &= (uint32_t)((uint64_t)a[1].number >> 32 * half);
		sets[half].effective &= (uint32_t)((uint64_t)a[0].number >> 32 * half) & sets[half].permitted;
		sets[half].inheritable &= (uint32_t)((uint64_t)a[2].number >> 32 * half);
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return errno;
	return outcome(syscall(SYS_capset, &header, sets));
}

CALL(no_new_privs, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
CALL(keyring, syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL))

STEP(groups)
{
	size_t count = a[0].length / sizeof(gid_t);
	gid_t *ids = malloc(a[0].length + 1);
	if (ids == NULL)
		return ENOMEM;
	memcpy(ids, a[0].text, a[0].length);
	int number = outcome(setgroups(count, ids));
	free(ids);
	return number;
}

STEP(user)
{
	uid_t uid = (uid_t)a[0].number;
	gid_t gid = (gid_t)a[1].number;
	return outcome(setresgid(gid, gid, gid) < 0 ? -1 : setresuid(uid, uid, uid));
}

/* Opens a data base of the present root; a FIFO or device put in its place cannot hold us up. */
static FILE *open_regular(const char *path)
{
	struct stat about;
	int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (descriptor >= 0 && (fstat(descriptor, &about) < 0 || !S_ISREG(about.st_mode))) {
		close(descriptor);
		errno = EINVAL;
		return NULL;
	}
	return descriptor < 0 ? NULL : fdopen(descriptor, "r");
}

/* Sets the primary group and those of /etc/group that list the user. */
static int set_groups_of(const struct passwd *user)
{
	gid_t ids[1024];
	size_t count = 0;
	FILE *file = open_regular("/etc/group");
	ids[count++] = user->pw_gid;
	for (struct group *group; file != NULL && (group = fgetgrent(file)) != NULL;)
		for (char **member = group->gr_mem; *member != NULL; member++)
			if (strcmp(*member, user->pw_name) == 0 && count < sizeof ids / sizeof *ids)
				ids[count++] = group->gr_gid;
	if (file != NULL)
		fclose(file);
	return outcome(setgroups(count, ids));
}

static int become(const struct passwd *user)
{
	int number = set_groups_of(user);
	if (number != 0)
		return number;
	if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0)
		return errno;
	if (setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
		return errno;
	const char *shell = *user->pw_shell != '\0' ? user->pw_shell : "/bin/sh";
	if (setenv("HOME", user->pw_dir, 1) < 0 || setenv("SHELL", shell, 1) < 0)
		return errno;
	return outcome(setenv("USER", user->pw_name, 1) < 0 ? -1 : setenv("LOGNAME", user->pw_name, 1));
}

/* An image of one program has no users, and is entered all the same. */
static const struct passwd lone_root = { .pw_name = "root", .pw_dir = "/", .pw_shell = "" };

STEP(login)
{
	FILE *file = open_regular("/etc/passwd");
	if (file == NULL)
		return errno == ENOENT && strcmp(a[0].text, "root") == 0 ? become(&lone_root) : errno;
	struct passwd *user;
	while ((user = fgetpwent(file)) != NULL && strcmp(user->pw_name, a[0].text) != 0)
		;
	int number = user == NULL ? PLAN_NO_USER : become(user);
	fclose(file);
	return number;
}
