/* The new system calls: one pinned `syscall` program that runs as the task that calls it (BPF_PROG_TEST_RUN).
 *
 * Enforced: who may do what to its own context, ceiling and address; every change is a narrowing and cannot be undone.
 * Not enforced here: what a context means, which is the work of the other files. Oldest kernel: 6.12. */
#ifndef VS_CALL_H
#define VS_CALL_H

#include "enter.h"
#include "inspect.h"

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

/* What tools of another version need after an upgrade: to know that it is one, and to let go of a context whose server
 * they have ended. Version, operation, result and context id have the same places in every version. */
static __always_inline bool is_for_every_version(__u32 operation)
{
	return operation == VS_OP_QUERY || operation == VS_OP_RELEASE;
}

static __always_inline int perform(struct vs_call *call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct membership *member;

	if (call->version != VS_ABI_VERSION && !is_for_every_version(call->operation))
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
	if (call->operation == VS_OP_COPIER)
		return is_host_admin(task, member) ? op_copier(task, call->flags) : -EPERM;
	if (call->operation == VS_OP_COPIED)
		return is_host_admin(task, member) ? op_copied(call) : -EPERM;
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
	case VS_OP_COPIER:
	case VS_OP_COPIED:
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

	call->version = VS_ABI_VERSION;
	call->result = result;
	if (!result && is_told(call->operation))
		call->xid = own_xid();
	return 0;
}

#endif
