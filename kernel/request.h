/* What a call asks for: read, and checked against what the caller is.
 *
 * Enforced: only the administrator of the main server does what concerns other contexts; flags and addresses are sound, and
 * a tied task only drops addresses; nobody changes context with threads, a tracer, or a file with several names open for
 * writing. */
#ifndef VS_REQUEST_H
#define VS_REQUEST_H

#include "iunlink.h"

#define SETTABLE_FLAGS                                                                                           \
	(VS_FLAG_LOCK | VS_FLAG_SCHED | VS_FLAG_NPROC | VS_FLAG_PRIVATE | VS_FLAG_FAKEINIT | VS_FLAG_HIDEINFO | \
	 VS_FLAG_ULIMIT | VS_FLAG_LOOPBACK)

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

/* A tied task may only drop addresses, and has no other broadcast address than before. */
static __always_inline int check_addresses(struct membership *member, struct addresses *request)
{
	if (!request || !member->own.count)
		return 0;
	if (request->broadcast != member->own.broadcast)
		request->broadcast = 0;
	return errno_if(!is_subset(request, &member->own), -EPERM);
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

#endif
