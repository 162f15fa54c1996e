/* What a server with PROC=own reads in some files of its /proc: its own limits and load instead of the machine's.
 *
 * Each is a pinned iterator over one thing, an element of a map or process 1 where it may sleep, mounted over the file
 * (ownmemory.h, owntime.h, ownload.h). It is executed by the reader, whose control group tells which server it is, and reads
 * what the kernel counts for that group in any case: nothing runs while nobody reads. The load average alone needs a sample every five seconds, by a timer that the first reader starts and that goes
 * with the server.
 * Not covered: the load counts tasks that run or wait for a processor or a disk as the kernel's pressure accounting does;
 * without that (psi=0) it is 0. Where the kernel does not tell how it orders memory statistics, the page cache counts as used.
 */
#ifndef VS_OWNPROC_H
#define VS_OWNPROC_H

#include "task.h"

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

#endif
