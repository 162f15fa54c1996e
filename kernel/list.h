/* What the tools read: a line per process, a line per context. The reader sees what its context may see. */
#ifndef VS_LIST_H
#define VS_LIST_H

#include "process.h"

/* Whether the reader may know about the context; with hideinfo not even its own processes may. */
static __always_inline bool is_listed(__u32 xid, struct record *record, __u32 mine)
{
	if (mine == VS_SPECTATOR)
		return true;
	return mine == xid && (xid == VS_HOST || !(record->flags & VS_FLAG_HIDEINFO));
}

/* " ADDRESS/BITS" for each: 16 bytes as %pI6 writes them, and the bits of the network of 128. */
static __always_inline void print_addresses(struct seq_file *seq, const struct addresses *set)
{
	for (__u32 at = 0; set && at < VS_MOST_ADDRESSES; at++) {
		if (at >= set->count)
			break;
		BPF_SEQ_PRINTF(seq, " %pI6/%u", &set->list[at], set->prefix[at]);
	}
	BPF_SEQ_PRINTF(seq, "\n");
}

/* pid, context, flags (hex), ceiling (hex), pid in its own namespace, addresses */
SEC("iter/task")
int vs_processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct membership *member;
	struct record *record;
	__u32 xid, level;
	struct upid upid = {};
	struct pid *pid;

	if (!task || task->pid != task->tgid)
		return 0;
	member = membership_of(task);
	xid = member ? member->xid : VS_HOST;
	record = record_at(xid);
	if (!record || (!is_listed(xid, record, own_xid()) && task->tgid != INIT_PID))
		return 0;
	pid = BPF_CORE_READ(task, thread_pid);
	level = BPF_CORE_READ(pid, level);
	if (level <= 32)
		bpf_probe_read_kernel(&upid, sizeof(upid),
				      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
					      level * sizeof(upid));
	BPF_SEQ_PRINTF(ctx->meta->seq, "%d %u %x %llx %d", task->tgid, xid, record->flags,
		       member ? member->ceiling : ~0ull, upid.nr);
	print_addresses(ctx->meta->seq, member ? &member->own : 0);
	return 0;
}

/* context, flags (hex), tasks, ceiling (hex), owner, born (ns since boot), addresses */
SEC("iter/bpf_map_elem")
int vs_contexts(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *xid = ctx->key, mine = own_xid();
	struct record *record = ctx->value;

	if (!xid || !record || *xid == VS_HOST || (mine != VS_HOST && !is_listed(*xid, record, mine)))
		return 0;
	if (!record_refs(record) || record_refs(record) & RECORD_FILLING)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%u %x %u %llx %u %llu", *xid, record->flags, record_tasks(record),
		       record->ceiling, record->owner, record->born);
	print_addresses(ctx->meta->seq, addresses_of(*xid));
	return 0;
}

#endif
