/* Objects that outlive or cross processes (System V IPC, queues, keys, sockets) belong to the context that made them.
 *
 * INVARIANTS
 *  - An object without a mark belongs to context 0.
 *  - A mark names the very context, not just its number: `born` differs when the number has been given out again, so what
 *    an ended context leaves is nobody's. Context 1 may look at what is anybody's. */
#ifndef VS_OWNER_H
#define VS_OWNER_H

#include "registers.h"
#include "task.h"

struct owner {
	__u32 xid;
	/* System V IPC: it is in the main server's IPC namespace, where others would list it; its maker was no virtual server. */
	__u16 is_listed;
	__u16 is_bare;
	__u64 born;
};

/* The mark of what the caller makes. */
static __always_inline struct owner mark_of(__u32 xid)
{
	struct record *record = record_at(xid);
	struct owner mark = { .xid = xid, .born = record ? record->born : 0 };

	return mark;
}

static __always_inline bool is_alive(struct owner *owner)
{
	struct record *record = record_at(owner->xid);

	return record && record_refs(record) && record->born == owner->born;
}

static __always_inline bool belongs_to(struct owner *owner, __u32 xid)
{
	if (!owner || owner->xid == VS_HOST)
		return xid == VS_HOST;
	return owner->xid == xid && is_alive(owner);
}

#endif
