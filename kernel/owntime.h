/* /proc/uptime of a server with PROC=own: time since its start, and what it has left of its processors since. */
#ifndef VS_OWNTIME_H
#define VS_OWNTIME_H

#include "ownproc.h"

#define USER_HZ_NS 10000000ull

extern void cgroup_rstat_flush(struct cgroup *group) __ksym __weak;
extern void css_rstat_flush(struct cgroup_subsys_state *state) __ksym __weak;
extern struct cgroup *bpf_cgroup_ancestor(struct cgroup *group, int level) __ksym;
extern void bpf_cgroup_release(struct cgroup *group) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

/* Processor time of the whole server in nanoseconds, brought up to date first. In programs that may sleep. */
static __always_inline __u64 time_spent(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cgroup *group;
	__u64 spent;

	bpf_rcu_read_lock();
	group = bpf_cgroup_ancestor(task->cgroups->dfl_cgrp, 1);
	bpf_rcu_read_unlock();
	if (!group)
		return 0;
	if (css_rstat_flush)
		css_rstat_flush(&group->self);
	else if (cgroup_rstat_flush)
		cgroup_rstat_flush(group);
	spent = BPF_CORE_READ(group, bstat.cputime.sum_exec_runtime);
	bpf_cgroup_release(group);
	return spent;
}

SEC("iter.s/task")
int vs_own_uptime(struct bpf_iter__task *ctx)
{
	struct own_proc *own;
	__u64 age, idle;

	if (!ctx->task)
		return 0;
	own = own_proc_of_reader();
	if (!own)
		return 0;
	age = left(bpf_ktime_get_boot_ns(), own->started);
	idle = left(age * own->processors, time_spent()) / USER_HZ_NS;
	age /= USER_HZ_NS;
	/* Two digits, without a format that fills with zeros. */
	BPF_SEQ_PRINTF(ctx->meta->seq, "%llu.%llu%llu %llu.%llu%llu\n", age / 100, age / 10 % 10, age % 10, idle / 100,
		       idle / 10 % 10, idle % 10);
	return 0;
}

#endif
