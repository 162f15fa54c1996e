/* Hooks that are not given the task they are about: it is found by the number in the caller's registers.
 *
 * Enforced: prlimit() reading another task's limits, perf_event_open() on another task or on a whole processor. */
#ifndef VS_BYNUMBER_H
#define VS_BYNUMBER_H

#include "process.h"

#define PERF_SECURITY_OPEN 0
#define PERF_FLAG_PID_CGROUP 4

struct bpf_iter_task {
	__u64 opaque[3];
} __attribute__((aligned(8)));

extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __ksym;
#define BPF_TASK_ITER_ALL_THREADS 1

/* The number of `pid` in the namespace `level` below the first, as its own members see it. */
static __always_inline int number_at(struct pid *pid, __u32 level, struct pid_namespace **ns)
{
	struct upid upid = {};

	if (!pid || level > 32 || BPF_CORE_READ(pid, level) < level)
		return 0;
	bpf_probe_read_kernel(&upid, sizeof(upid),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * sizeof(upid));
	*ns = upid.ns;
	return upid.nr;
}

/* Context of the task the caller calls `number`; no such task: the caller's own, and the kernel answers ESRCH. */
static __always_inline __u32 xid_of_number(int number, __u32 mine)
{
	struct task_struct *self = bpf_get_current_task_btf(), *task;
	struct pid_namespace *own_ns = 0, *ns = 0;
	struct pid *pid = BPF_CORE_READ(self, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level), xid = mine;
	struct bpf_iter_task it;

	if (level == 0) {
		task = bpf_task_from_pid(number);
		if (!task)
			return mine;
		xid = xid_of(task);
		bpf_task_release(task);
		return xid;
	}
	number_at(pid, level, &own_ns);
	bpf_iter_task_new(&it, 0, BPF_TASK_ITER_ALL_THREADS);
	while ((task = bpf_iter_task_next(&it))) {
		if (number_at(BPF_CORE_READ(task, thread_pid), level, &ns) == number && ns == own_ns) {
			xid = xid_of(task);
			break;
		}
	}
	bpf_iter_task_destroy(&it);
	return xid;
}

SEC("lsm/task_prlimit")
int BPF_PROG(vs_task_prlimit, const struct cred *cred, const struct cred *target, unsigned int flags)
{
	__u32 mine = own_xid();
	int number = syscall_argument(FIRST_ARGUMENT);

	if (number <= 0)
		return 0;
	return errno_if(!may_see(mine, xid_of_number(number, mine)), -ESRCH);
}

SEC("lsm/perf_event_open")
int BPF_PROG(vs_perf_event_open, int type)
{
	__u32 mine = own_xid();
	int number = syscall_argument(SECOND_ARGUMENT);
	bool by_cgroup = syscall_argument(FIFTH_ARGUMENT) & PERF_FLAG_PID_CGROUP;

	/* Events of a processor, a cgroup, the kernel or a tracepoint tell about everybody. */
	if (mine != VS_HOST && (type != PERF_SECURITY_OPEN || number < 0 || by_cgroup))
		return -EPERM;
	if (number <= 0 || by_cgroup)
		return 0;
	return errno_if(xid_of_number(number, mine) != mine, -ESRCH);
}

#endif
