/* Every way into /proc/PID: open, stat, read a link, follow it, list, by thread ids and from a directory held open. */
#include "attack.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static const char *path_of(const struct target *t, const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%d%s%s", t->proc, t->pid, *name ? "/" : "", name);
	return path;
}

static const char *thread_path(const struct target *t, const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%d/task/%d/%s", t->proc, t->pid, t->tid, name);
	return path;
}

static int open_path(const char *path, int flags)
{
	int descriptor = open(path, flags | O_NONBLOCK);

	if (descriptor < 0)
		return -errno;
	close(descriptor);
	return 0;
}

static int list(const char *path)
{
	DIR *directory = opendir(path);

	if (directory == NULL)
		return -errno;
	closedir(directory);
	return 0;
}

static int look(const char *path)
{
	struct stat status;

	return TRY(stat(path, &status));
}

static int look_at_link(const char *path)
{
	struct stat status;

	return TRY(lstat(path, &status));
}

static int read_link(const char *path)
{
	char text[256];

	return TRY(readlink(path, text, sizeof text));
}

static int open32(const char *path, int flags)
{
	char *low = low_memory();
	int descriptor;

	strcpy(low, path);
	descriptor = (int)call32(5, (long)low, flags, 0, 0, 0);
	if (descriptor < 0)
		return descriptor;
	close(descriptor);
	return 0;
}

static int stat32(const char *path)
{
	char *low = low_memory();

	strcpy(low, path);
	return (int)call32(195, (long)low, (long)(low + 512), 0, 0, 0);
}

#define ATTEMPT(function, work)                                   \
	static int function(const struct target *t)                 \
	{                                                          \
		return work;                                       \
	}

ATTEMPT(stat_directory, look(path_of(t, "")))
ATTEMPT(list_directory, list(path_of(t, "")))
ATTEMPT(list_threads, list(path_of(t, "task")))
ATTEMPT(list_descriptors, list(path_of(t, "fd")))
ATTEMPT(list_descriptors_of_thread, list(thread_path(t, "fd")))
ATTEMPT(stat_status, look(path_of(t, "status")))
ATTEMPT(open_stat, open_path(path_of(t, "stat"), O_RDONLY))
ATTEMPT(open_status, open_path(path_of(t, "status"), O_RDONLY))
ATTEMPT(open_cmdline, open_path(path_of(t, "cmdline"), O_RDONLY))
ATTEMPT(open_comm, open_path(thread_path(t, "comm"), O_RDONLY))
ATTEMPT(open_environ, open_path(path_of(t, "environ"), O_RDONLY))
ATTEMPT(open_maps, open_path(path_of(t, "maps"), O_RDONLY))
ATTEMPT(open_limits, open_path(path_of(t, "limits"), O_RDONLY))
ATTEMPT(open_io, open_path(path_of(t, "io"), O_RDONLY))
ATTEMPT(open_cgroup, open_path(path_of(t, "cgroup"), O_RDONLY))
ATTEMPT(open_mounts, open_path(path_of(t, "mountinfo"), O_RDONLY))
ATTEMPT(open_net, open_path(path_of(t, "net/unix"), O_RDONLY))
ATTEMPT(open_syscall, open_path(path_of(t, "syscall"), O_RDONLY))
ATTEMPT(open_auxv, open_path(path_of(t, "auxv"), O_RDONLY))
ATTEMPT(open_pagemap, open_path(path_of(t, "pagemap"), O_RDONLY))
ATTEMPT(open_fdinfo, open_path(path_of(t, "fdinfo/0"), O_RDONLY))
ATTEMPT(open_mem, open_path(path_of(t, "mem"), O_RDONLY))
ATTEMPT(open_thread_stat, open_path(thread_path(t, "stat"), O_RDONLY))
ATTEMPT(open_status32, open32(path_of(t, "status"), O_RDONLY))
ATTEMPT(stat_status32, stat32(path_of(t, "status")))
ATTEMPT(lstat_exe, look_at_link(path_of(t, "exe")))
ATTEMPT(readlink_exe, read_link(path_of(t, "exe")))
ATTEMPT(readlink_cwd, read_link(path_of(t, "cwd")))
ATTEMPT(readlink_fd, read_link(path_of(t, "fd/0")))
ATTEMPT(readlink_ns, read_link(path_of(t, "ns/mnt")))
ATTEMPT(stat_root, look(path_of(t, "root")))
ATTEMPT(stat_fd, look(path_of(t, "fd/0")))
ATTEMPT(stat_ns, look(path_of(t, "ns/net")))
ATTEMPT(enter_root, open_path(path_of(t, "root/"), O_RDONLY | O_DIRECTORY))
ATTEMPT(enter_cwd, open_path(path_of(t, "cwd/."), O_RDONLY | O_DIRECTORY))
ATTEMPT(open_exe, open_path(path_of(t, "exe"), O_RDONLY))
ATTEMPT(open_fd, open_path(path_of(t, "fd/0"), O_RDONLY))
ATTEMPT(open_ns, open_path(path_of(t, "ns/mnt"), O_RDONLY))
ATTEMPT(write_comm, open_path(path_of(t, "comm"), O_WRONLY))
ATTEMPT(write_oom, open_path(path_of(t, "oom_score_adj"), O_WRONLY))
ATTEMPT(write_mem, open_path(path_of(t, "mem"), O_RDWR))
ATTEMPT(write_fd, open_path(path_of(t, "fd/1"), O_WRONLY))
ATTEMPT(write_clear_refs, open_path(path_of(t, "clear_refs"), O_WRONLY))
ATTEMPT(write_coredump, open_path(path_of(t, "coredump_filter"), O_RDWR))

static int watch(const struct target *t)
{
	int queue = inotify_init1(IN_CLOEXEC);
	int result = TRY(inotify_add_watch(queue, path_of(t, ""), IN_OPEN | IN_ACCESS));

	close(queue);
	return result;
}

/* The number of a thread opens a directory as well, though no listing shows it. */
static int open_by_thread(const struct target *t)
{
	char path[64];

	snprintf(path, sizeof path, "%s/%d/status", t->proc, t->tid);
	return open_path(path, O_RDONLY);
}

const struct attempt processes[] = {
	{"stat of the directory", stat_directory},
	{"list", list_directory},
	{"list threads", list_threads},
	{"stat", stat_status},
	{"open stat", open_stat},
	{"open status", open_status},
	{"open cmdline", open_cmdline},
	{"open comm of a thread", open_comm},
	{"open stat of a thread", open_thread_stat},
	{"open by a thread's number", open_by_thread},
	{"open limits", open_limits},
	{"open cgroup", open_cgroup},
	{"open mountinfo", open_mounts},
	{"open net", open_net},
	{"open environ", open_environ},
	{"open maps", open_maps},
	{"open io", open_io},
	{"open auxv", open_auxv},
	{"open pagemap", open_pagemap},
	{"open syscall", open_syscall},
	{"open fdinfo", open_fdinfo},
	{"32-bit open", open_status32},
	{"32-bit stat", stat_status32},
	{"list descriptors", list_descriptors},
	{"list descriptors of a thread", list_descriptors_of_thread},
	{"lstat exe", lstat_exe},
	{"readlink exe", readlink_exe},
	{"readlink cwd", readlink_cwd},
	{"readlink fd", readlink_fd},
	{"readlink ns", readlink_ns},
	{"stat root", stat_root},
	{"stat fd", stat_fd},
	{"stat ns", stat_ns},
	{"follow root", enter_root},
	{"follow cwd", enter_cwd},
	{"follow exe", open_exe},
	{"follow fd", open_fd},
	{"follow ns", open_ns},
	{"open mem", open_mem},
	{"write comm", write_comm},
	{"write oom_score_adj", write_oom},
	{"write mem", write_mem},
	{"write fd", write_fd},
	{"write clear_refs", write_clear_refs},
	{"write coredump_filter", write_coredump},
	{"watch", watch},
	{NULL, NULL},
};

ATTEMPT(by_access, TRY(access(path_of(t, "status"), F_OK)))
ATTEMPT(by_access_of_directory, TRY(access(path_of(t, ""), F_OK)))
ATTEMPT(by_o_path, open_path(path_of(t, "status"), O_PATH))
ATTEMPT(by_o_path_of_directory, open_path(path_of(t, ""), O_PATH | O_DIRECTORY))

static int by_chdir(const struct target *t)
{
	int result = TRY(chdir(path_of(t, "")));

	if (chdir("/") < 0)
		return -errno;
	return result;
}

const struct attempt strict[] = {
	{"access", by_access},
	{"access of the directory", by_access_of_directory},
	{"O_PATH", by_o_path},
	{"O_PATH of the directory", by_o_path_of_directory},
	{"chdir", by_chdir},
	{NULL, NULL},
};
