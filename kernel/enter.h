/* The calls that change the context: NEW, ENTER and CREATE.
 *
 * Enforced: the caller takes the ceiling and the addresses it had along, and loses what the context has not; from a
 * context only a new one is reached, and nobody but the administrator of the main server enters one. */
#ifndef VS_ENTER_H
#define VS_ENTER_H

#include "request.h"

#define RLIMIT_NPROC 6

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_dynamic SEC(".maps");

static __always_inline __u32 task_limit(struct task_struct *task, __u32 flags)
{
	__u64 limit = BPF_CORE_READ(task, signal, rlim[RLIMIT_NPROC].rlim_cur);

	return (flags & VS_FLAG_NPROC) && limit < RECORD_FILLING ? (__u32)limit : 0;
}

/* Fills the record the caller has claimed from what the caller has become, and moves the caller in. */
static __always_inline int settle(struct task_struct *task, struct membership *member, struct record *record,
				  __u32 xid, __u32 flags)
{
	if ((member->own.count || addresses_of(xid)) &&
	    bpf_map_update_elem(&record_addresses, &xid, &member->own, BPF_ANY)) {
		record_publish(record, 0);
		return -ENOMEM;
	}
	record->flags = flags;
	record->ceiling = member->ceiling;
	record->owner = BPF_CORE_READ(task, cred, euid.val);
	record->task_limit = task_limit(task, flags);
	record->born = bpf_ktime_get_boot_ns();
	record_publish(record, flags & VS_FLAG_HELD ? 2 : 1);
	member->xid = xid;
	return 0;
}

struct search {
	__u32 xid;
	struct record *record;
};

static long claim_next(__u32 index, struct search *search)
{
	__u32 zero = 0, *next = bpf_map_lookup_elem(&next_dynamic, &zero);
	struct record *record;
	__u32 xid;

	if (!next)
		return 1;
	xid = VS_FIRST_DYNAMIC + __sync_fetch_and_add(next, 1) % (VS_LAST + 1 - VS_FIRST_DYNAMIC);
	record = record_at(xid);
	if (!record || !record_claim(record))
		return 0;
	search->xid = xid;
	return 1;
}

/* Which addresses a caller with `mine` that asks for `request` has in a context with `theirs`: what all agree on, whole.
 * Each may be NULL or empty, which agrees with everything. `*error` when there is no such set. */
static __always_inline struct addresses *agreed(struct addresses *request, struct addresses *mine,
						struct addresses *theirs, int *error)
{
	struct addresses *set = request ? request : mine->count ? mine : theirs;

	if (set == mine && theirs && theirs->count && !is_subset(mine, theirs))
		set = theirs;
	*error = errno_if(set && ((mine->count && !is_subset(set, mine)) ||
				  (theirs && theirs->count && !is_subset(set, theirs))),
			  -EPERM);
	return set && set->count ? set : 0;
}

/* Joins the existing context: the caller keeps what it lost before and loses what the context has not. */
static __always_inline int join(struct membership *member, struct record *record, __u32 xid,
				struct addresses *request)
{
	int error = record_get(record);
	struct addresses *set;

	if (error)
		return error;
	set = agreed(request, &member->own, addresses_of(xid), &error);
	if (record->flags & VS_FLAG_PRIVATE)
		error = -EPERM;
	if (error) {
		record_put(record);
		return error;
	}
	member->ceiling &= record->ceiling;
	take_addresses(member, set);
	member->xid = xid;
	return 0;
}

static __always_inline void leave(__u32 xid)
{
	struct record *record = xid == VS_HOST ? 0 : record_at(xid);

	if (record)
		record_put(record);
}

static __always_inline int op_new(struct task_struct *task, struct membership *member, struct vs_call *call)
{
	int error = check_request(task, member, call), unsound;
	struct addresses *request = requested(task, call, &unsound);
	__u32 before = member->xid;
	struct search search = {};
	struct record *record;

	error = error ? error : unsound ? unsound : check_addresses(member, request);
	if (error)
		return error;
	bpf_loop(VS_LAST + 1 - VS_FIRST_DYNAMIC, claim_next, &search, 0);
	record = search.xid ? record_at(search.xid) : 0;
	if (!record)
		return -EAGAIN;
	member->ceiling &= call->ceiling;
	take_addresses(member, request);
	error = settle(task, member, record, search.xid, call->flags);
	if (!error)
		leave(before);
	return error;
}

static __always_inline int op_enter(struct task_struct *task, struct membership *member, struct vs_call *call)
{
	int error = check_request(task, member, call), unsound;
	struct addresses *request;
	__u32 xid = call->xid;
	struct record *record;

	if (!is_host_admin(task, member))
		return -EPERM;
	if (xid > VS_LAST)
		return -EINVAL;
	if (error || xid == VS_HOST)
		return error;
	record = record_at(xid);
	if (!record)
		return -EINVAL;
	request = requested(task, call, &unsound);
	error = unsound ? unsound : check_addresses(member, request);
	if (error)
		return error;
	if (record_claim(record)) {
		member->ceiling &= call->ceiling;
		take_addresses(member, request);
		return settle(task, member, record, xid, call->flags);
	}
	if (call->operation == VS_OP_CREATE)
		return -EEXIST;
	error = join(member, record, xid, request);
	if (!error)
		member->ceiling &= call->ceiling;
	return error;
}

#endif
