/* Every call that sends a signal to a process, a thread or a group by number. */
#include "attack.h"
#include <signal.h>
#include <sys/pidfd.h>

/* The victim blocks it: what arrives stays pending for everybody to see. */
#define HARMLESS SIGWINCH
#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP 4
#endif
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#include <fcntl.h>

static siginfo_t *queued(void)
{
	static siginfo_t info;

	info.si_signo = HARMLESS;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	return &info;
}

static int probe(const struct target *t)
{
	return TRY(kill(t->pid, 0));
}

static int by_kill(const struct target *t)
{
	return TRY(kill(t->pid, HARMLESS));
}

static int by_kill_of_thread(const struct target *t)
{
	return TRY(kill(t->tid, HARMLESS));
}

static int by_group(const struct target *t)
{
	return TRY(kill(-t->pid, HARMLESS));
}

static int by_tkill(const struct target *t)
{
	return TRY(syscall(SYS_tkill, t->tid, HARMLESS));
}

static int by_tgkill(const struct target *t)
{
	return TRY(syscall(SYS_tgkill, t->pid, t->tid, HARMLESS));
}

static int by_sigqueue(const struct target *t)
{
	return TRY(syscall(SYS_rt_sigqueueinfo, t->pid, HARMLESS, queued()));
}

static int by_thread_sigqueue(const struct target *t)
{
	return TRY(syscall(SYS_rt_tgsigqueueinfo, t->pid, t->tid, HARMLESS, queued()));
}

static int through(int descriptor, unsigned int flags)
{
	int result = TRY(syscall(SYS_pidfd_send_signal, descriptor, HARMLESS, NULL, flags));

	close(descriptor);
	return result;
}

static int by_pidfd(const struct target *t)
{
	int descriptor = (int)syscall(SYS_pidfd_open, t->pid, 0);

	return descriptor < 0 ? -errno : through(descriptor, 0);
}

static int by_pidfd_to_group(const struct target *t)
{
	int descriptor = (int)syscall(SYS_pidfd_open, t->pid, 0);

	return descriptor < 0 ? -errno : through(descriptor, PIDFD_SIGNAL_PROCESS_GROUP);
}

static int by_thread_pidfd(const struct target *t)
{
	int descriptor = (int)syscall(SYS_pidfd_open, t->tid, PIDFD_THREAD);

	return descriptor < 0 ? -errno : through(descriptor, 0);
}

static int by_proc_directory(const struct target *t)
{
	char path[64];
	int descriptor;

	snprintf(path, sizeof path, "%s/%d", t->proc, t->pid);
	descriptor = open(path, O_RDONLY | O_DIRECTORY);
	return descriptor < 0 ? -errno : through(descriptor, 0);
}

static int by_kill32(const struct target *t)
{
	return (int)call32(37, t->pid, HARMLESS, 0, 0, 0);
}

static int by_group32(const struct target *t)
{
	return (int)call32(37, -t->pid, HARMLESS, 0, 0, 0);
}

static int by_tkill32(const struct target *t)
{
	return (int)call32(238, t->tid, HARMLESS, 0, 0, 0);
}

static int by_tgkill32(const struct target *t)
{
	return (int)call32(270, t->pid, t->tid, HARMLESS, 0, 0);
}

static int by_sigqueue32(const struct target *t)
{
	int *info = low_memory();

	info[0] = HARMLESS;
	info[2] = SI_QUEUE;
	return (int)call32(178, t->pid, HARMLESS, (long)info, 0, 0);
}

static int by_pidfd32(const struct target *t)
{
	int descriptor = (int)call32(434, t->pid, 0, 0, 0, 0);
	int result;

	if (descriptor < 0)
		return descriptor;
	result = (int)call32(424, descriptor, HARMLESS, 0, 0, 0);
	close(descriptor);
	return result;
}

const struct attempt signals[] = {
	{"kill 0", probe},
	{"kill", by_kill},
	{"kill of a thread", by_kill_of_thread},
	{"kill of a group", by_group},
	{"tkill", by_tkill},
	{"tgkill", by_tgkill},
	{"rt_sigqueueinfo", by_sigqueue},
	{"rt_tgsigqueueinfo", by_thread_sigqueue},
	{"pidfd_send_signal", by_pidfd},
	{"pidfd_send_signal to a group", by_pidfd_to_group},
	{"pidfd_send_signal to a thread", by_thread_pidfd},
	{"pidfd_send_signal through a directory of /proc", by_proc_directory},
	{"32-bit kill", by_kill32},
	{"32-bit kill of a group", by_group32},
	{"32-bit tkill", by_tkill32},
	{"32-bit tgkill", by_tgkill32},
	{"32-bit rt_sigqueueinfo", by_sigqueue32},
	{"32-bit pidfd_send_signal", by_pidfd32},
	{NULL, NULL},
};
