/* What a server with PROC=own reads in some files of its /proc: its own limits and load instead of the machine's.
 *
 * Each is a pinned iterator over one thing, an element of a map or process 1 where it may sleep, mounted over the file. It is executed by the reader, whose control
 * group tells which server it is, and reads what the kernel counts for that group in any case: nothing runs while nobody
 * reads. The load average alone needs a sample every five seconds, by a timer that the first reader starts and that goes
 * with the server.
 * Not covered: the load counts tasks that run or wait for a processor or a disk as the kernel's pressure accounting does;
 * without that (psi=0) it is 0. Where the kernel does not tell how it orders memory statistics, the page cache counts as used.
 */
#ifndef VS_OWNPROC_H
#define VS_OWNPROC_H

#include "task.h"

#define PAGE_KIB 4
#define USER_HZ_NS 10000000ull
#define SAMPLE_NS 5000000000ull
#define MOST_PROCESSORS 256
/* Load averages as the kernel keeps them: 11 bits of fraction, and what is left of one after five seconds. */
#define LOAD_BITS 11
#define LOAD_ONE (1 << LOAD_BITS)
#define LEFT_OF_MINUTE 1884
#define LEFT_OF_FIVE 2014
#define LEFT_OF_FIFTEEN 2037

struct own_proc {
	__u64 started; /* ns since boot */
	__u32 processors;
	__u32 sampled; /* whether the timer runs */
	__u64 pressure; /* of the group, for the timer */
	__u64 load[3];
	struct bpf_timer timer;
};

#define OWN_PROC_AT(field, offset) _Static_assert(__builtin_offsetof(struct own_proc, field) == offset, #field)
OWN_PROC_AT(started, VS_OWN_PROC_STARTED);
OWN_PROC_AT(processors, VS_OWN_PROC_PROCESSORS);
_Static_assert(sizeof(struct own_proc) == VS_OWN_PROC_SIZE, "size");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct own_proc);
} own_procs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} once SEC(".maps");

extern const void _totalram_pages __ksym __weak;
extern const void total_swap_pages __ksym __weak;
extern const void mem_cgroup_stats_index __ksym __weak;
extern const void nr_cpu_ids __ksym __weak;
extern const void __per_cpu_offset __ksym __weak;
extern void cgroup_rstat_flush(struct cgroup *group) __ksym __weak;
extern void css_rstat_flush(struct cgroup_subsys_state *state) __ksym __weak;
extern struct cgroup *bpf_cgroup_ancestor(struct cgroup *group, int level) __ksym;
extern void bpf_cgroup_release(struct cgroup *group) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

static __always_inline __u64 word_at(const void *address)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), address);
	return word;
}

/* A server's group stands right below the root of the hierarchy. */
static __always_inline struct cgroup *group_of_reader(void)
{
	struct cgroup *group = BPF_CORE_READ(bpf_get_current_task_btf(), cgroups, dfl_cgrp);

	if (BPF_CORE_READ(group, level) < 1)
		return 0;
	return (struct cgroup *)word_at((void *)group + bpf_core_field_offset(struct cgroup, ancestors) + sizeof(void *));
}

static __always_inline struct own_proc *own_proc_of_reader(void)
{
	__u32 xid = own_xid();

	return bpf_map_lookup_elem(&own_procs, &xid);
}

static __always_inline __u64 least(__u64 one, __u64 other)
{
	return one < other ? one : other;
}

static __always_inline __u64 left(__u64 all, __u64 used)
{
	return used < all ? all - used : 0;
}

/* ---- memory, in pages */

struct memory {
	__u64 total, free, cached, shared, reclaimable;
	__u64 swap, swap_used;
};

static __always_inline __u64 statistic(struct mem_cgroup *memory, __u32 item)
{
	struct memcg_vmstats *all = BPF_CORE_READ(memory, vmstats);
	__u8 at = 0xff;
	__s64 value;

	if (!&mem_cgroup_stats_index)
		return 0;
	bpf_probe_read_kernel(&at, sizeof(at), &mem_cgroup_stats_index + item);
	if (at == 0xff)
		return 0;
	value = word_at((void *)all + bpf_core_field_offset(struct memcg_vmstats, state) + at * sizeof(long));
	return value < 0 ? 0 : value;
}

#define STATISTIC(memory, name) statistic(memory, bpf_core_enum_value(enum node_stat_item, name))

static __always_inline bool read_memory(struct memory *into)
{
	struct cgroup *group = group_of_reader();
	struct mem_cgroup *memory;
	__u64 all;

	if (!group || !&_totalram_pages || !&total_swap_pages)
		return false;
	into->total = word_at(&_totalram_pages);
	into->swap = word_at(&total_swap_pages);
	memory = (void *)word_at((void *)group + bpf_core_field_offset(struct cgroup, subsys) +
				 bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(void *));
	if (!memory)
		return true;
	memory = (void *)memory - bpf_core_field_offset(struct mem_cgroup, css);
	into->total = least(into->total, BPF_CORE_READ(memory, memory.max));
	into->free = left(into->total, BPF_CORE_READ(memory, memory.usage.counter));
	all = BPF_CORE_READ(memory, swap.usage.counter);
	into->swap = least(into->swap, BPF_CORE_READ(memory, swap.max));
	into->swap_used = least(into->swap, all);
	into->cached = STATISTIC(memory, NR_FILE_PAGES);
	into->shared = STATISTIC(memory, NR_SHMEM);
	into->reclaimable = STATISTIC(memory, NR_SLAB_RECLAIMABLE_B) / (PAGE_KIB * 1024);
	return true;
}

SEC("iter/bpf_map_elem")
int vs_own_meminfo(struct bpf_iter__bpf_map_elem *ctx)
{
	struct memory memory = {};
	__u64 available;

	if (!ctx->key || !read_memory(&memory))
		return 0;
	available = memory.free + left(memory.cached, memory.shared) + memory.reclaimable;
	BPF_SEQ_PRINTF(ctx->meta->seq,
		       "MemTotal:       %8llu kB\nMemFree:        %8llu kB\nMemAvailable:   %8llu kB\n",
		       memory.total * PAGE_KIB, memory.free * PAGE_KIB, least(available, memory.total) * PAGE_KIB);
	BPF_SEQ_PRINTF(ctx->meta->seq,
		       "Buffers:        %8u kB\nCached:         %8llu kB\nSwapCached:     %8u kB\n", 0,
		       memory.cached * PAGE_KIB, 0);
	BPF_SEQ_PRINTF(ctx->meta->seq, "SwapTotal:      %8llu kB\nSwapFree:       %8llu kB\n", memory.swap * PAGE_KIB,
		       left(memory.swap, memory.swap_used) * PAGE_KIB);
	BPF_SEQ_PRINTF(ctx->meta->seq, "Shmem:          %8llu kB\nSReclaimable:   %8llu kB\n",
		       memory.shared * PAGE_KIB, memory.reclaimable * PAGE_KIB);
	return 0;
}

SEC("iter/bpf_map_elem")
int vs_own_swaps(struct bpf_iter__bpf_map_elem *ctx)
{
	struct memory memory = {};

	if (!ctx->key || !read_memory(&memory))
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	if (memory.swap)
		BPF_SEQ_PRINTF(ctx->meta->seq, "none\t\t\t\t\tvirtual\t\t%llu\t%llu\t0\n", memory.swap * PAGE_KIB,
			       memory.swap_used * PAGE_KIB);
	return 0;
}

/* ---- processors */

struct spent {
	__u64 user, system; /* ns */
};

/* Processor time of the whole server, brought up to date first. In programs that may sleep. */
static __always_inline bool read_spent(struct spent *into)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cgroup *group;
	__u64 all, user, system;

	bpf_rcu_read_lock();
	group = bpf_cgroup_ancestor(task->cgroups->dfl_cgrp, 1);
	bpf_rcu_read_unlock();
	if (!group)
		return false;
	if (css_rstat_flush)
		css_rstat_flush(&group->self);
	else if (cgroup_rstat_flush)
		cgroup_rstat_flush(group);
	all = BPF_CORE_READ(group, bstat.cputime.sum_exec_runtime);
	user = BPF_CORE_READ(group, bstat.cputime.utime);
	system = BPF_CORE_READ(group, bstat.cputime.stime);
	bpf_cgroup_release(group);
	/* The two are counted by ticks; what they add up to is not exact. In milliseconds, for the product. */
	into->system = user + system ? all / 1000000 * (system / 1000000) / ((user + system) / 1000000 + 1) * 1000000 : 0;
	into->user = left(all, into->system);
	return true;
}

static __always_inline __u64 age_of(struct own_proc *own)
{
	return left(bpf_ktime_get_boot_ns(), own->started);
}

static __always_inline __u64 idle_of(struct own_proc *own, struct spent *spent)
{
	return left(age_of(own) * own->processors, spent->user + spent->system);
}

SEC("iter.s/task")
int vs_own_uptime(struct bpf_iter__task *ctx)
{
	struct spent spent = {};
	struct own_proc *own;
	__u64 age, idle;

	if (!ctx->task)
		return 0;
	own = own_proc_of_reader();
	if (!own || !read_spent(&spent))
		return 0;
	age = age_of(own) / USER_HZ_NS;
	idle = idle_of(own, &spent) / USER_HZ_NS;
	/* Two digits, without a format that fills with zeros. */
	BPF_SEQ_PRINTF(ctx->meta->seq, "%llu.%llu%llu %llu.%llu%llu\n", age / 100, age / 10 % 10, age % 10, idle / 100,
		       idle / 10 % 10, idle % 10);
	return 0;
}

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

/* ---- load average */

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
