/* What reaches every process by way of the machine: kernel code, triggers, control groups. */
#include "attack.h"
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/kexec.h>
#include <linux/module.h>
#include <sys/socket.h>

int mount(const char *, const char *, const char *, unsigned long, const void *);

#define ATTEMPT(function, work)                                   \
	static int function(const struct target *t)                 \
	{                                                          \
		(void)t;                                           \
		return work;                                       \
	}

/* A program that is no module: what comes back says whether it was looked at. */
static int looked_at(int result)
{
	return result == -ENOEXEC || result == -EINVAL || result == -ENOENT || result == -EBADF ? 0 : result;
}

static int module_from_file(void)
{
	int file = open("/proc/self/exe", O_RDONLY), result = TRY(syscall(SYS_finit_module, file, "", 0));

	close(file);
	return looked_at(result);
}

static int kernel_from_file(void)
{
	int file = open("/proc/self/exe", O_RDONLY);
	int result = TRY(syscall(SYS_kexec_file_load, file, -1, 1UL, "", KEXEC_FILE_NO_INITRAMFS));

	close(file);
	return looked_at(result);
}

/* bpf() beyond opening a pin and running a program; 0 when any of them is looked at. */
static int any_bpf(void)
{
	for (int command = 0; command < 64; command++) {
		char attributes[256] = "";
		long result = syscall(SYS_bpf, command, attributes, sizeof attributes);

		if (command == BPF_OBJ_GET || command == BPF_PROG_TEST_RUN)
			continue;
		if (result >= 0)
			close((int)result);
		if (result >= 0 || errno != EPERM)
			return 0;
	}
	return -EPERM;
}

static int write_to(const char *path, const char *text)
{
	int file = open(path, O_WRONLY), result;

	if (file < 0)
		return -errno;
	result = TRY(write(file, text, strlen(text)));
	close(file);
	return result;
}

static int write_number(const char *path, int number)
{
	char text[16];

	snprintf(text, sizeof text, "%d", number);
	return write_to(path, text);
}

ATTEMPT(by_bpf, any_bpf())
ATTEMPT(by_init_module, looked_at(TRY(syscall(SYS_init_module, "no module", 9, ""))))
ATTEMPT(by_finit_module, module_from_file())
ATTEMPT(by_delete_module, looked_at(TRY(syscall(SYS_delete_module, "no-such-module", O_NONBLOCK))))
ATTEMPT(by_kexec, looked_at(TRY(syscall(SYS_kexec_load, 0UL, 0UL, NULL, KEXEC_ARCH_DEFAULT))))
ATTEMPT(by_kexec_file, kernel_from_file())
/* A line of help on the console is all that `?` does. */
ATTEMPT(by_sysrq, write_to("/proc/sysrq-trigger", "?"))
ATTEMPT(by_cgroup_procs, write_number("/sys/fs/cgroup/victim/cgroup.procs", t->pid))
ATTEMPT(by_cgroup_freeze, write_to("/sys/fs/cgroup/victim/cgroup.freeze", "0"))
ATTEMPT(by_cgroup_kill, TRY(open("/sys/fs/cgroup/victim/cgroup.kill", O_WRONLY)))

const struct attempt machine[] = {
	{"bpf", by_bpf},
	{"init_module", by_init_module},
	{"finit_module", by_finit_module},
	{"delete_module", by_delete_module},
	{"kexec_load", by_kexec},
	{"kexec_file_load", by_kexec_file},
	{"sysrq", by_sysrq},
	{"cgroup.procs", by_cgroup_procs},
	{"cgroup.freeze", by_cgroup_freeze},
	{"cgroup.kill", by_cgroup_kill},
	{NULL, NULL},
};
