/* /proc/loadavg of a server with PROC=own: its tasks that run or wait for a processor or a disk, averaged since somebody first
 * read it. */
#ifndef VS_OWNLOAD_H
#define VS_OWNLOAD_H

#include "ownproc.h"

#define SAMPLE_NS 5000000000ull
#define MOST_PROCESSORS 256

extern const void nr_cpu_ids __ksym __weak;
extern const void __per_cpu_offset __ksym __weak;

/* Load averages as the kernel keeps them: 11 bits of fraction, and what is left of one after five seconds. */
#define LOAD_BITS 11
#define LOAD_ONE (1 << LOAD_BITS)
#define LEFT_OF_MINUTE 1884
#define LEFT_OF_FIVE 2014
#define LEFT_OF_FIFTEEN 2037

/* Tasks that run or want to, and those that wait for a disk. */
static __always_inline __u32 count_tasks(void *pressure, __u32 *waiting)
{
	void *each = BPF_CORE_READ((struct psi_group *)pressure, pcpu);
	__u32 processors = 0, running = 0, count;
	void *tasks;

	if (!pressure || !&nr_cpu_ids || !&__per_cpu_offset)
		return 0;
	bpf_probe_read_kernel(&processors, sizeof(processors), &nr_cpu_ids);
	for (__u32 at = 0; at < MOST_PROCESSORS; at++) {
		if (at >= processors)
			break;
		tasks = each + word_at(&__per_cpu_offset + at * sizeof(long)) +
			bpf_core_field_offset(struct psi_group_cpu, tasks);
		count = 0;
		bpf_probe_read_kernel(&count, sizeof(count),
				      tasks + bpf_core_enum_value(enum psi_task_count, NR_RUNNING) * sizeof(count));
		running += count;
		count = 0;
		bpf_probe_read_kernel(&count, sizeof(count),
				      tasks + bpf_core_enum_value(enum psi_task_count, NR_IOWAIT) * sizeof(count));
		*waiting += count;
	}
	return running;
}

static __always_inline __u64 later(__u64 load, __u64 active, __u32 kept)
{
	return (load * kept + active * (LOAD_ONE - kept)) >> LOAD_BITS;
}

static int sample_load(void *map, __u32 *xid, struct own_proc *own)
{
	__u32 waiting = 0, running = count_tasks((void *)own->pressure, &waiting);
	__u64 active = (__u64)(running + waiting) << LOAD_BITS;

	own->load[0] = later(own->load[0], active, LEFT_OF_MINUTE);
	own->load[1] = later(own->load[1], active, LEFT_OF_FIVE);
	own->load[2] = later(own->load[2], active, LEFT_OF_FIFTEEN);
	bpf_timer_start(&own->timer, SAMPLE_NS, 0);
	return 0;
}

/* The first reader, who counts itself, begins with what there is. */
static __always_inline void begin_to_sample(struct own_proc *own, struct cgroup *group, __u32 active)
{
	if (__sync_lock_test_and_set(&own->sampled, 1))
		return;
	own->pressure = (__u64)BPF_CORE_READ(group, psi);
	for (int at = 0; at < 3; at++)
		own->load[at] = (__u64)active << LOAD_BITS;
	if (bpf_timer_init(&own->timer, &own_procs, 1 /* CLOCK_MONOTONIC */))
		return;
	bpf_timer_set_callback(&own->timer, sample_load);
	bpf_timer_start(&own->timer, SAMPLE_NS, 0);
}

#define LOAD_WHOLE(load) (((load) + LOAD_ONE / 200) >> LOAD_BITS)
#define LOAD_HUNDREDTHS(load) (((((load) + LOAD_ONE / 200) & (LOAD_ONE - 1)) * 100) >> LOAD_BITS)

static __always_inline void print_load(struct seq_file *seq, __u64 load)
{
	__u64 part = LOAD_HUNDREDTHS(load);

	BPF_SEQ_PRINTF(seq, "%llu.%llu%llu ", LOAD_WHOLE(load), part / 10, part % 10);
}

SEC("iter/bpf_map_elem")
int vs_own_loadavg(struct bpf_iter__bpf_map_elem *ctx)
{
	struct cgroup *group = group_of_reader();
	__u32 running, waiting = 0;
	struct own_proc *own;
	__u64 tasks;

	if (!ctx->key || !group)
		return 0;
	own = own_proc_of_reader();
	if (!own)
		return 0;
	running = count_tasks(BPF_CORE_READ(group, psi), &waiting);
	begin_to_sample(own, group, running + waiting);
	for (int at = 0; at < 3; at++)
		print_load(ctx->meta->seq, own->load[at]);
	tasks = word_at((void *)group + bpf_core_field_offset(struct cgroup, subsys) +
			bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id) * sizeof(void *));
	tasks = tasks ? BPF_CORE_READ((struct pids_cgroup *)(tasks - bpf_core_field_offset(struct pids_cgroup, css)),
				      counter.counter) :
			running;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%u/%llu %d\n", running, tasks, bpf_get_current_task_btf()->tgid);
	return 0;
}

#endif
