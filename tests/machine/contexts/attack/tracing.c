/* Every call that reads, steers or rewrites the memory and the descriptors of another process. */
#include "attack.h"
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/perf_event.h>
#include <linux/prctl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* A program without ASLR of its own has the same addresses in every process: the victim runs this one too. */
static char page[4096] __attribute__((aligned(4096)));

static int by_seize(const struct target *t)
{
	int result = TRY(ptrace(PTRACE_SEIZE, t->pid, NULL, NULL));

	if (result == 0) {
		ptrace(PTRACE_INTERRUPT, t->pid, NULL, NULL);
		waitpid(t->pid, NULL, __WALL);
		ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
	}
	return result;
}

static int attach_to(int number)
{
	int result = TRY(ptrace(PTRACE_ATTACH, number, NULL, NULL));

	if (result == 0) {
		waitpid(number, NULL, __WALL);
		ptrace(PTRACE_DETACH, number, NULL, NULL);
	}
	return result;
}

static int by_attach(const struct target *t)
{
	return attach_to(t->pid);
}

static int by_attach_to_thread(const struct target *t)
{
	return attach_to(t->tid);
}

static int by_attach32(const struct target *t)
{
	int result = (int)call32(26, PTRACE_ATTACH, t->pid, 0, 0, 0);

	if (result == 0) {
		waitpid(t->pid, NULL, __WALL);
		ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
	}
	return result;
}

static struct iovec here(void)
{
	static char word[8];

	return (struct iovec){word, sizeof word};
}

static int by_readv(const struct target *t)
{
	struct iovec mine = here(), theirs = {page, 8};

	return TRY(process_vm_readv(t->pid, &mine, 1, &theirs, 1, 0));
}

static int by_readv_of_thread(const struct target *t)
{
	struct iovec mine = here(), theirs = {page, 8};

	return TRY(process_vm_readv(t->tid, &mine, 1, &theirs, 1, 0));
}

static int by_writev(const struct target *t)
{
	struct iovec mine = here(), theirs = {page, 8};

	return TRY(process_vm_writev(t->pid, &mine, 1, &theirs, 1, 0));
}

static int by_readv32(const struct target *t)
{
	uint32_t *vectors = low_memory();

	vectors[0] = (uint32_t)(uintptr_t)(vectors + 8);
	vectors[1] = 8;
	vectors[2] = (uint32_t)(uintptr_t)page;
	vectors[3] = 8;
	long result = call32(347, t->pid, (long)vectors, 1, (long)(vectors + 2), 1);
	return result < 0 ? (int)result : 0;
}

static int by_kcmp(const struct target *t)
{
	return TRY(syscall(SYS_kcmp, getpid(), t->pid, KCMP_VM, 0, 0));
}

static int by_pidfd_getfd(const struct target *t)
{
	int descriptor = (int)syscall(SYS_pidfd_open, t->pid, 0), result;

	if (descriptor < 0)
		return -errno;
	result = TRY(syscall(SYS_pidfd_getfd, descriptor, 0, 0));
	close(descriptor);
	return result;
}

static int by_madvise(const struct target *t)
{
	struct iovec all = {page, sizeof page};
	int descriptor = (int)syscall(SYS_pidfd_open, t->pid, 0), result;

	if (descriptor < 0)
		return -errno;
	result = TRY(syscall(SYS_process_madvise, descriptor, &all, 1, MADV_COLD, 0));
	close(descriptor);
	return result;
}

/* Of a process that is not dying it is EINVAL, behind every check of who asks. */
static int by_mrelease(const struct target *t)
{
	int descriptor = (int)syscall(SYS_pidfd_open, t->pid, 0), result;

	if (descriptor < 0)
		return -errno;
	result = TRY(syscall(SYS_process_mrelease, descriptor, 0));
	close(descriptor);
	return result == -EINVAL ? 0 : result;
}

static int by_setns(const struct target *t)
{
	int descriptor = (int)syscall(SYS_pidfd_open, t->pid, 0), result;

	if (descriptor < 0)
		return -errno;
	result = TRY(syscall(SYS_setns, descriptor, 0x04000000));
	close(descriptor);
	return result;
}

static int by_robust_list(const struct target *t)
{
	void *head;
	size_t size;

	return TRY(syscall(SYS_get_robust_list, t->pid, &head, &size));
}

static int by_robust_list32(const struct target *t)
{
	uint32_t *words = low_memory();

	return (int)call32(312, t->pid, (long)words, (long)(words + 1), 0, 0);
}

static int by_move_pages(const struct target *t)
{
	void *pages[] = {page};
	int nodes[] = {0}, status[1];

	return TRY(syscall(SYS_move_pages, t->pid, 1, pages, nodes, status, 2));
}

static int by_asking_pages(const struct target *t)
{
	void *pages[] = {page};
	int status[1];

	return TRY(syscall(SYS_move_pages, t->pid, 1, pages, NULL, status, 0));
}

static int by_migrate_pages(const struct target *t)
{
	unsigned long nodes = 1;

	return TRY(syscall(SYS_migrate_pages, t->pid, 64, &nodes, &nodes));
}

static int perf(int number)
{
	struct perf_event_attr what = {.type = PERF_TYPE_SOFTWARE, .size = sizeof what};
	int descriptor;

	what.config = PERF_COUNT_SW_TASK_CLOCK;
	what.exclude_kernel = 1;
	descriptor = (int)syscall(SYS_perf_event_open, &what, number, -1, -1, 0);
	if (descriptor < 0)
		return -errno;
	close(descriptor);
	return 0;
}

static int by_perf(const struct target *t)
{
	return perf(t->pid);
}

static int by_perf_of_thread(const struct target *t)
{
	return perf(t->tid);
}

static int by_perf32(const struct target *t)
{
	struct perf_event_attr *what = low_memory();
	int descriptor;

	what->type = PERF_TYPE_SOFTWARE;
	what->size = sizeof *what;
	what->config = PERF_COUNT_SW_TASK_CLOCK;
	what->exclude_kernel = 1;
	descriptor = (int)call32(336, (long)what, t->pid, -1, -1, 0);
	if (descriptor < 0)
		return descriptor;
	close(descriptor);
	return 0;
}

const struct attempt tracing[] = {
	{"ptrace seize", by_seize},
	{"ptrace attach", by_attach},
	{"ptrace attach to a thread", by_attach_to_thread},
	{"32-bit ptrace attach", by_attach32},
	{"process_vm_readv", by_readv},
	{"process_vm_readv of a thread", by_readv_of_thread},
	{"process_vm_writev", by_writev},
	{"32-bit process_vm_readv", by_readv32},
	{"kcmp", by_kcmp},
	{"pidfd_getfd", by_pidfd_getfd},
	{"process_madvise", by_madvise},
	{"process_mrelease", by_mrelease},
	{"setns through a pidfd", by_setns},
	{"get_robust_list", by_robust_list},
	{"32-bit get_robust_list", by_robust_list32},
	{"move_pages", by_move_pages},
	{"move_pages asking", by_asking_pages},
	{"migrate_pages", by_migrate_pages},
	{"perf_event_open", by_perf},
	{"perf_event_open of a thread", by_perf_of_thread},
	{"32-bit perf_event_open", by_perf32},
	{NULL, NULL},
};
