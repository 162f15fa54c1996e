/* /proc/meminfo and /proc/swaps of a server with PROC=own: its limits, and what is used of them, in pages. */
#ifndef VS_OWNMEMORY_H
#define VS_OWNMEMORY_H

#include "ownproc.h"

#define PAGE_KIB 4

extern const void _totalram_pages __ksym __weak;
extern const void total_swap_pages __ksym __weak;
extern const void mem_cgroup_stats_index __ksym __weak;

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

#endif
