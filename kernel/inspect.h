/* The calls that tell of a context: QUERY of the caller's own, INSPECT of any.
 *
 * Enforced: INSPECT is for the administrator, in context 0 or 1; a context with the flag hideinfo is told nothing. */
#ifndef VS_INSPECT_H
#define VS_INSPECT_H

#include "request.h"

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

#endif
