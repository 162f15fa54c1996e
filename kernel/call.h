/* The new system calls: one pinned `syscall` program that runs as the task that calls it (BPF_PROG_TEST_RUN).
 *
 * Enforced: who may do what to its own context, ceiling and address; every change is a narrowing and cannot be undone.
 * Not enforced here: what a context means, which is the work of the other files. Oldest kernel: 6.12. */
#ifndef VS_CALL_H
#define VS_CALL_H

#include "iunlink.h"

#define RLIMIT_NPROC 6
#define SETTABLE_FLAGS                                                                                           \
	(VS_FLAG_LOCK | VS_FLAG_SCHED | VS_FLAG_NPROC | VS_FLAG_PRIVATE | VS_FLAG_FAKEINIT | VS_FLAG_HIDEINFO | \
	 VS_FLAG_ULIMIT | VS_FLAG_LOOPBACK)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_dynamic SEC(".maps");

/* A task that never called anything has no membership: it is in context 0 and may do everything. */
static __always_inline __u64 ceiling_of(struct membership *member)
{
	return member ? member->ceiling : ~0ull;
}

static __always_inline bool has_sys_admin(struct task_struct *task, struct membership *member)
{
	const __u64 bit = 1ull << CAP_SYS_ADMIN;
	__u64 effective = BPF_CORE_READ(task, cred, cap_effective.val);

	return (effective & ceiling_of(member) & bit) && BPF_CORE_READ(task, cred, user_ns, level) == 0;
}

static __always_inline bool is_host_admin(struct task_struct *task, struct membership *member)
{
	return (!member || member->xid == VS_HOST) && has_sys_admin(task, member);
}

/* Storage is per thread, a tracer outside would go on controlling what is now inside, or the other way round, and what is
 * open for writing stays so. */
static __always_inline int may_change_context(struct task_struct *task)
{
	struct list_head *traced = (void *)task + bpf_core_field_offset(struct task_struct, ptraced);

	if (BPF_CORE_READ(task, signal, nr_threads) != 1)
		return -EBUSY;
	if (BPF_CORE_READ(task, ptrace) || BPF_CORE_READ(traced, next) != traced)
		return -EPERM;
	return errno_if(holds_shared(task), -ETXTBSY);
}

/* What a call asks for, out of the caller's registers' reach and off the small stack; nobody else's. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct addresses);
} requests SEC(".maps");

/* The addresses of the call, checked; `*error` when they are none. No addresses: NULL. */
static __always_inline struct addresses *requested(struct task_struct *task, struct vs_call *call, int *error)
{
	struct addresses *request;

	*error = 0;
	if (!call->count)
		return 0;
	request = bpf_task_storage_get(&requests, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!request) {
		*error = -ENOMEM;
		return 0;
	}
	request->id = 0;
	request->count4 = call->count4;
	request->count = call->count;
	request->broadcast = call->broadcast;
	__builtin_memcpy(request->prefix, call->prefixes, sizeof(request->prefix));
	__builtin_memcpy(request->list, call->addresses, sizeof(request->list));
	*error = errno_if(!is_sound(request), -EINVAL);
	return *error ? 0 : request;
}

/* A tied task may only drop addresses. */
static __always_inline int check_addresses(struct membership *member, struct addresses *request)
{
	return errno_if(request && member->own.count && !is_subset(request, &member->own), -EPERM);
}

static __always_inline void take_addresses(struct membership *member, struct addresses *request)
{
	if (!request || (request->count == member->own.count && is_subset(&member->own, request)))
		return;
	member->own = *request;
	/* A context's own set is the same for all that join it. */
	if (!request->id)
		member->own.id = new_set_id();
}

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

/* The part of every change of context that may fail; nothing of the caller is changed before it has passed. */
static __always_inline int check_request(struct task_struct *task, struct membership *member, struct vs_call *call)
{
	__u32 allowed = SETTABLE_FLAGS | (is_host_admin(task, member) ? VS_FLAG_HELD : 0);
	struct record *mine = record_at(member->xid);

	if (member->xid != VS_HOST && (!mine || mine->flags & VS_FLAG_LOCK))
		return -EPERM;
	if (call->flags & ~allowed)
		return -EINVAL;
	return may_change_context(task);
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

static __always_inline int op_address(struct task_struct *task, struct membership *member, struct vs_call *call)
{
	int error;
	struct addresses *request = requested(task, call, &error);

	error = error ? error : check_addresses(member, request);
	if (!error)
		take_addresses(member, request);
	return error;
}

static __always_inline int op_flags(struct task_struct *task, struct membership *member, __u32 flags)
{
	struct record *mine = record_at(member->xid);

	if (flags & ~SETTABLE_FLAGS || member->xid == VS_HOST)
		return -EINVAL;
	if (!mine || mine->flags & VS_FLAG_LOCK)
		return -EPERM;
	if (mine->owner != BPF_CORE_READ(task, cred, euid.val) && !has_sys_admin(task, member))
		return -EPERM;
	if (flags & VS_FLAG_NPROC && !mine->task_limit)
		mine->task_limit = task_limit(task, flags);
	__sync_fetch_and_or(&mine->flags, flags);
	return 0;
}

static __always_inline int op_hold(struct task_struct *task, struct membership *member, __u32 xid)
{
	struct record *record = record_at(xid);
	int error;

	if (!is_host_admin(task, member))
		return -EPERM;
	if (!record || xid == VS_HOST)
		return -EINVAL;
	error = record_get(record);
	if (error)
		return error;
	if (__sync_fetch_and_or(&record->flags, VS_FLAG_HELD) & VS_FLAG_HELD)
		record_put(record);
	return 0;
}

static __always_inline int op_release(struct task_struct *task, struct membership *member, __u32 xid)
{
	struct record *record = record_at(xid);

	if (!is_host_admin(task, member))
		return -EPERM;
	if (!record || xid == VS_HOST)
		return -EINVAL;
	if (__sync_fetch_and_and(&record->flags, ~VS_FLAG_HELD) & VS_FLAG_HELD)
		record_put(record);
	return 0;
}

static __always_inline void report_addresses(struct vs_call *call, struct addresses *set)
{
	call->count = set ? set->count : 0;
	call->count4 = set ? set->count4 : 0;
	call->broadcast = set ? set->broadcast : 0;
	if (!set)
		return;
	__builtin_memcpy(call->prefixes, set->prefix, sizeof(set->prefix));
	__builtin_memcpy(call->addresses, set->list, sizeof(set->list));
}

static __always_inline void report_record(struct vs_call *call, __u32 xid, struct record *record)
{
	call->xid = xid;
	call->flags = record->flags;
	call->ceiling = record->ceiling;
	call->tasks = record_tasks(record);
	call->owner = record->owner;
}

static __always_inline int op_inspect(struct task_struct *task, struct membership *member, struct vs_call *call)
{
	struct record *record = record_at(call->xid);

	if ((member && member->xid > VS_SPECTATOR) || !has_sys_admin(task, member))
		return -EPERM;
	if (!record || call->xid == VS_HOST)
		return -EINVAL;
	if (!record_refs(record))
		return -ESRCH;
	report_record(call, call->xid, record);
	report_addresses(call, addresses_of(call->xid));
	return 0;
}

static __always_inline int op_query(struct membership *member, struct vs_call *call)
{
	__u32 xid = member ? member->xid : VS_HOST;
	struct record *mine = record_at(xid);

	if (!mine)
		return -EINVAL;
	if (xid != VS_HOST && mine->flags & VS_FLAG_HIDEINFO)
		return -EACCES;
	report_record(call, xid, mine);
	report_addresses(call, member ? &member->own : 0);
	call->ceiling = ceiling_of(member);
	return 0;
}

static __always_inline int perform(struct vs_call *call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct membership *member;

	if (call->version != VS_ABI_VERSION)
		return -EINVAL;
	member = membership_of(task);
	if (call->operation == VS_OP_QUERY)
		return op_query(member, call);
	if (call->operation == VS_OP_INSPECT)
		return op_inspect(task, member, call);
	if (call->operation == VS_OP_HOLD)
		return op_hold(task, member, call->xid);
	if (call->operation == VS_OP_RELEASE)
		return op_release(task, member, call->xid);
	if (!member) {
		member = bpf_task_storage_get(&members, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (!member)
			return -ENOMEM;
		member->ceiling = ~0ull;
	}
	switch (call->operation) {
	case VS_OP_NEW:
		return op_new(task, member, call);
	case VS_OP_ENTER:
	case VS_OP_CREATE:
		return op_enter(task, member, call);
	case VS_OP_FLAGS:
		return op_flags(task, member, call->flags);
	case VS_OP_CEILING:
		member->ceiling &= call->ceiling;
		return 0;
	case VS_OP_ADDRESS:
		return op_address(task, member, call);
	}
	return -EINVAL;
}

/* Whoever has just moved is told where it is; afterwards nobody is who may not know. */
static __always_inline bool is_told(__u32 operation)
{
	struct record *mine;

	switch (operation) {
	case VS_OP_INSPECT:
	case VS_OP_HOLD:
	case VS_OP_RELEASE:
		return false;
	case VS_OP_NEW:
	case VS_OP_ENTER:
	case VS_OP_CREATE:
		return true;
	}
	mine = record_at(own_xid());
	return mine && !(mine->flags & VS_FLAG_HIDEINFO);
}

SEC("syscall")
int vs_call(struct vs_call *call)
{
	int result = perform(call);

	call->result = result;
	if (!result && is_told(call->operation))
		call->xid = own_xid();
	return 0;
}

#endif
