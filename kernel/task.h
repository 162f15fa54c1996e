/* What a task carries: its context, its capability ceiling and its addresses, inherited by every child.
 *
 * INVARIANTS
 *  - A task without storage is in context 0, unrestricted. Only the pinned call and task_alloc create storage.
 *  - A child of a task with storage gets a copy before it can run, or the fork fails: nothing falls back to context 0.
 *  - `xid` other than 0 means one reference on that record, given back in task_free. */
#ifndef VS_TASK_H
#define VS_TASK_H

#include "record.h"

#define PF_EXITING 0x00000004

struct membership {
	__u32 xid;
	__u32 looks; /* how often in a row it has looked for looked_for in vain: copy.h */
	__u64 looked_for;
	__u64 ceiling;
	struct addresses own; /* none: it may use all */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct membership);
} members SEC(".maps");

static __always_inline struct membership *membership_of(struct task_struct *task)
{
	/* Most tasks have no storage at all; to see that costs one load instead of a call. */
	if (!task->bpf_storage)
		return 0;
	return bpf_task_storage_get(&members, task, 0, 0);
}

static __always_inline struct membership *own_membership(void)
{
	return membership_of(bpf_get_current_task_btf());
}

static __always_inline __u32 xid_of(struct task_struct *task)
{
	struct membership *member = membership_of(task);

	return member ? member->xid : VS_HOST;
}

static __always_inline __u32 own_xid(void)
{
	return xid_of(bpf_get_current_task_btf());
}

SEC("lsm/task_alloc")
int BPF_PROG(vs_task_alloc, struct task_struct *child)
{
	struct membership *parent = own_membership();
	struct record *record = 0;

	if (!parent)
		return 0;
	if (parent->xid != VS_HOST) {
		record = record_at(parent->xid);
		if (!record)
			return -EAGAIN;
		/* The parent's own reference keeps the record alive while we add one. */
		__sync_fetch_and_add(&record->refs, 1);
		if (record->task_limit && record_tasks(record) > record->task_limit) {
			record_put(record);
			return -EAGAIN;
		}
	}
	if (bpf_task_storage_get(&members, child, parent, BPF_LOCAL_STORAGE_GET_F_CREATE))
		return 0;
	if (record)
		record_put(record);
	return -ENOMEM;
}

SEC("lsm/task_free")
int BPF_PROG(vs_task_free, struct task_struct *task)
{
	struct membership *member = membership_of(task);
	struct record *record;

	if (!member || member->xid == VS_HOST)
		return 0;
	record = record_at(member->xid);
	if (record)
		record_put(record);
	return 0;
}

#endif
